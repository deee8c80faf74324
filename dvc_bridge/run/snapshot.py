"""The code as it stands, committed or not, as an archive that is named by its bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import os
import re
import stat
import subprocess
import tarfile
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import IntegrityError, UsageError

LARGE_BYTES = 50_000_000
# Files that hold secrets by their name, whether git ignores them or not.
DENIED = (
    ".env",
    ".env.*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "id_rsa*",
    "id_ed25519*",
    ".netrc",
    ".pypirc",
    ".git-credentials",
    "*credentials*.json",
    "kubeconfig*",
    "config.local",
)
# Long words of many different letters: keys of clouds look so.
_WORD = re.compile(rb"[A-Za-z0-9+/_=-]{32,}")
_SECRET_BITS, _SEARCHED_BYTES = 4.5, 100_000
_NAMED = re.compile(rb"(?i)(secret|token|passw|api_?key|access_?key)[\w.\"']{0,20}\s*[:=]")


@dataclass(frozen=True)
class Snapshot:
    """An archive of a project's files.

    Parameters
    ----------
    sha256
        Of `archive`, which is a deterministic .tar.gz: the same files give the same bytes.
    files
        What it holds, from the root of the git repository (or of the project without git).
    warnings
        What the user should see: its size, files left out, what looks like a secret.
    """

    sha256: str
    archive: bytes
    files: frozenset[str]
    warnings: tuple[str, ...]


def take(project: Project, outs: Collection[str]) -> Snapshot:
    """Archive what git tracks or would track, without what DVC tracks and without secrets.

    Parameters
    ----------
    outs
        Cached outs of all stages, from the project's root.
    """
    base = project.git_root or project.root
    names, denied = _code(project, outs)
    archive = _archive(base, sorted(names))
    warnings = [f"left out, it may hold a secret: {name}" for name in sorted(denied)]
    if len(archive) > LARGE_BYTES:
        largest = sorted(names, key=lambda name: -os.lstat(base / name).st_size)[:3]
        warnings.append(
            f"the snapshot has {len(archive) / 1e6:.0f} MB; largest: {', '.join(largest)}"
        )
    warnings += _suspicious(base, names)
    digest = hashlib.sha256(archive).hexdigest()
    return Snapshot(digest, archive, frozenset(names), tuple(warnings))


def copy_code(project: Project, outs: Collection[str], folder: Path) -> None:
    """Put into a folder what a snapshot would hold; the parameters are those of `take`."""
    base = project.git_root or project.root
    for name in _code(project, outs)[0]:
        source, target = base / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.is_file():
            target.write_bytes(source.read_bytes())
            target.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)


def unpack(archive: bytes, sha256: str, folder: Path) -> None:
    """Write the files of a snapshot into a folder.

    Raises
    ------
    IntegrityError
        Its bytes are not those that were meant.
    """
    if hashlib.sha256(archive).hexdigest() != sha256:
        raise IntegrityError(f"snapshot {sha256} is damaged", "submit again: it is sent anew")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        # Python 3.11.2, Debian 12's, has no filters; the hash says that the archive is one of ours.
        tar.extraction_filter = getattr(tarfile, "tar_filter", lambda member, _: member)
        tar.extractall(folder)  # noqa: S202


def _code(project: Project, outs: Collection[str]) -> tuple[list[str], list[str]]:
    """Name the files that a snapshot holds, and those that it does not since they hold secrets."""
    inside = project.root.relative_to(project.git_root or project.root)
    tracked = {(inside / out).as_posix() for out in outs}
    names: list[str] = []
    denied: list[str] = []
    for name in _names(project):
        if not any(str(up) in tracked for up in (Path(name), *Path(name).parents)):
            (denied if _is_denied(name) else names).append(name)
    return names, denied


def _is_denied(name: str) -> bool:
    parts = Path(name).parts
    return any(fnmatchcase(part.lower(), pattern) for part in parts for pattern in DENIED)


def _names(project: Project) -> list[str]:
    base = project.git_root
    if base is None:
        return sorted(_walk(project.root))
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=base,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise UsageError(
            f"git cannot list the files of {base}: {done.stderr.decode(errors='replace').strip()}",
            "git status in it says more",
        )
    names = {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}
    folders = {os.path.dirname(name) for name in names}  # noqa: PTH120  strings, thousands
    # git's index may name files of a folder that has become a link: the link is what is there.
    linked = {f"{folder}/" for folder in folders if folder and _is_below_link(base, folder)}
    return sorted(
        name
        for name in names
        if f"{os.path.dirname(name)}/" not in linked  # noqa: PTH120  as above
        and os.path.lexists(base / name)
    )


def _is_below_link(base: Path, folder: str) -> bool:
    return any((base / up).is_symlink() for up in (Path(folder), *Path(folder).parents))


def _walk(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        here = Path(folder).relative_to(root)
        if here == Path(".dvc"):
            names[:] = [name for name in names if name not in ("cache", "tmp", "site")]
        yield from ((here / name).as_posix() for name in files)
        links = [name for name in names if Path(folder, name).is_symlink()]
        yield from ((here / name).as_posix() for name in links)


def _archive(base: Path, names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            path = base / name
            info = tarfile.TarInfo(name)
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)  # noqa: PTH115
                tar.addfile(info)
            elif stat.S_ISREG(found.st_mode):
                content = path.read_bytes()
                info.size = len(content)
                info.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _suspicious(base: Path, names: list[str]) -> Iterator[str]:
    for name in names:
        path = base / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _SEARCHED_BYTES:
            continue
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if _NAMED.search(line) and any(map(_is_random, _WORD.findall(line))):
                yield f"{name}:{number} looks like a secret; the snapshot holds it"
                break


def _is_random(word: bytes) -> bool:
    counts = Counter(word).values()
    bits = -sum(n / len(word) * math.log2(n / len(word)) for n in counts)
    return bits > _SECRET_BITS
