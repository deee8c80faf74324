"""The code as it stands, committed or not, as an archive that is named by its bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import IntegrityError, UsageError
from dvc_bridge.remote_run.secret_scan import secret_in

LARGE_BYTES = 50_000_000
# Settings of this machine alone, which may hold secrets: of DVC's project, never of a snapshot.
_NEVER = ".dvc/config.local"


@dataclass(frozen=True)
class Snapshot:
    """An archive of a project's files.

    Parameters
    ----------
    sha256
        Of `archive`, which is a deterministic .tar.gz: the same files give the same bytes.
    files
        What it holds, from the root of the git repository (or of the project without git).
    secrets
        What it does not hold.
    warnings
        What the user should see: its size, and files left out.
    """

    sha256: str
    archive: bytes
    files: frozenset[str]
    secrets: frozenset[str]
    warnings: tuple[str, ...]


def take(project: Project, outs: Collection[str], allow: Sequence[str] = ()) -> Snapshot:
    """Archive what git tracks or would track, without what DVC tracks and without secrets.

    Parameters
    ----------
    outs
        Cached outs of all stages, from the project's root.
    allow
        Globs over paths from the root of the git repository: files that are no secrets.

    Raises
    ------
    UsageError
        git tracks a secret.
    """
    base = project.git_root or project.root
    names = _code(project, outs)
    secrets = {
        name: why
        for name in names
        if not any(fnmatchcase(name, glob) for glob in allow) and (why := secret_in(base, name))
    }
    _refuse_tracked(base, secrets if project.git_root else {})
    kept = sorted(name for name in names if name not in secrets)
    archive = _archive(base, kept)
    left_out = {**secrets, **dict.fromkeys(_of_this_machine(project), "it is of this machine")}
    warnings = [f"left out: {name}: {why}" for name, why in sorted(left_out.items())]
    if len(archive) > LARGE_BYTES:
        largest = sorted(kept, key=lambda name: -os.lstat(base / name).st_size)[:3]
        warnings.append(
            f"the snapshot has {len(archive) / 1e6:.0f} MB; largest: {', '.join(largest)}"
        )
    digest = hashlib.sha256(archive).hexdigest()
    return Snapshot(digest, archive, frozenset(kept), frozenset(secrets), tuple(warnings))


def _refuse_tracked(base: Path, secrets: Mapping[str, str]) -> None:
    tracked = set(_listed(base, "--cached")) if secrets else set()
    if found := [f"{name} is in git: {why}" for name, why in secrets.items() if name in tracked]:
        raise UsageError(
            "\n".join(["this would send secrets to the remote:", *sorted(found)]),
            "git rm --cached them, and change the secrets; or, where they are none, snapshot:"
            " {allow: [PATH]} in dvc-bridge.yaml",
        )


def copy_code(project: Project, outs: Collection[str], folder: Path) -> None:
    """Put into a folder of this machine what a snapshot would hold, and secrets too.

    The parameters are those of `take`.
    """
    base = project.git_root or project.root
    for name in _code(project, outs):
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


def _code(project: Project, outs: Collection[str]) -> list[str]:
    """Name the files that are not DVC's, from the root of the git repository."""
    inside = project.root.relative_to(project.git_root or project.root)
    tracked = {(inside / out).as_posix() for out in outs}
    return [
        name
        for name in _names(project)
        if not f"/{name}".endswith(f"/{_NEVER}")
        and not any(str(up) in tracked for up in (Path(name), *Path(name).parents))
    ]


def _of_this_machine(project: Project) -> list[str]:
    return [name for name in _names(project) if f"/{name}".endswith(f"/{_NEVER}")]


def _names(project: Project) -> list[str]:
    base = project.git_root
    if base is None:
        return sorted(_walk(project.root))
    names = set(_listed(base, "--cached", "--others", "--exclude-standard"))
    folders = {os.path.dirname(name) for name in names}  # noqa: PTH120  strings, thousands
    # git's index may name files of a folder that has become a link: the link is what is there.
    linked = {f"{folder}/" for folder in folders if folder and _is_below_link(base, folder)}
    return sorted(
        name
        for name in names
        if f"{os.path.dirname(name)}/" not in linked  # noqa: PTH120  as above
        and os.path.lexists(base / name)
    )


def _listed(base: Path, *flags: str) -> Iterator[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z", *flags], cwd=base, capture_output=True, check=False
    )
    if done.returncode:
        raise UsageError(
            f"git cannot list the files of {base}: {done.stderr.decode(errors='replace').strip()}",
            "git status in it says more",
        )
    yield from (os.fsdecode(name) for name in done.stdout.split(b"\0") if name)


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
