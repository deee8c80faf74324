"""The current code, committed or not, as an archive that is named by its hash."""

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

LARGE_BYTES = 50_000_000
# Settings of DVC for this machine only, which may contain secrets: never part of a snapshot.
_NEVER = ".dvc/config.local"


@dataclass(frozen=True)
class Snapshot:
    """An archive of a project's files.

    Parameters
    ----------
    sha256
        The hash of `archive`, a deterministic .tar.gz: equal files produce equal bytes.
    files
        The files in it, relative to the root of the git repository (or of a project without git).
    secrets
        The files that were left out as secrets.
    warnings
        Warnings for the user: files left out, and the size if it is large.
    """

    sha256: str
    archive: bytes
    files: frozenset[str]
    secrets: frozenset[str]
    warnings: tuple[str, ...]


def take(project: Project, outs: Collection[str], allow: Sequence[str] = ()) -> Snapshot:
    """Archive the files that git tracks or would track, without files of DVC and without secrets.

    Parameters
    ----------
    outs
        Cached outs of all stages, relative to the project's root.
    allow
        Globs of files that are not secrets, relative to the root of the git repository.

    Raises
    ------
    UsageError
        git tracks a secret, or the settings of a remote in .dvc/config have one.
    """
    from dvc_bridge.remote_run.secret_scan import secret_in  # noqa: PLC0415  not for workers

    base = project.git_root or project.root
    names = _code(project, outs)
    _refuse_secret_options(project, allow)
    secrets = {
        name: why
        for name in names
        if not any(fnmatchcase(name, glob) for glob in allow) and (why := secret_in(base, name))
    }
    _refuse_tracked(base, secrets if project.git_root else {})
    included = sorted(name for name in names if name not in secrets)
    archive = _archive(base, included)
    local_configs = dict.fromkeys(_local_configs(project), "it holds settings of this machine")
    left_out = {**secrets, **local_configs}
    warnings = [f"left out: {name}: {why}" for name, why in sorted(left_out.items())]
    if len(archive) > LARGE_BYTES:
        largest = sorted(included, key=lambda name: -os.lstat(base / name).st_size)[:3]
        warnings.append(
            f"the snapshot has {len(archive) / 1e6:.0f} MB; largest: {', '.join(largest)}"
        )
    digest = hashlib.sha256(archive).hexdigest()
    return Snapshot(digest, archive, frozenset(included), frozenset(secrets), tuple(warnings))


def _refuse_tracked(base: Path, secrets: Mapping[str, str]) -> None:
    tracked = set(_git_files(base, "--cached")) if secrets else set()
    if problems := [f"{name} is in git: {why}" for name, why in secrets.items() if name in tracked]:
        raise UsageError(
            "\n".join(["this would send secrets to the remote:", *sorted(problems)]),
            "remove them with git rm --cached, and change the secrets; for files that are not"
            " secrets, set snapshot: {allow: [PATH]} in dvc-bridge.yaml",
        )


def _refuse_secret_options(project: Project, allow: Sequence[str]) -> None:
    from dvc_bridge.remote_run.secret_scan import find_secret_option  # noqa: PLC0415  as in `take`

    file = project.root / ".dvc" / "config"
    name = file.relative_to(project.git_root or project.root).as_posix()
    if any(fnmatchcase(name, glob) for glob in allow) or not file.is_file():
        return
    if option := find_secret_option(file.read_text(encoding="utf-8", errors="replace")):
        raise UsageError(
            f"{name} has {option}, and the code that is sent to the remote contains this file",
            f"keep it on this machine: dvc remote modify --local NAME {option} VALUE, and remove"
            f" it from {name}",
        )


def copy_code(project: Project, outs: Collection[str], folder: Path) -> None:
    """Copy the files of a snapshot, and secrets too, into a folder of this machine.

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
        The archive does not have the expected hash.
    """
    if hashlib.sha256(archive).hexdigest() != sha256:
        raise IntegrityError(f"snapshot {sha256} is damaged", "submit again to upload it again")
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        # Python 3.11.2 of Debian 12 has no filters; the hash proves that we made the archive.
        tar.extraction_filter = getattr(tarfile, "tar_filter", lambda member, _: member)
        tar.extractall(folder)  # noqa: S202


def _code(project: Project, outs: Collection[str]) -> list[str]:
    """Return the files that DVC does not track, relative to the root of the git repository."""
    root = project.root.relative_to(project.git_root or project.root)
    tracked = {(root / out).as_posix() for out in outs}
    return [
        name
        for name in _names(project)
        if not f"/{name}".endswith(f"/{_NEVER}")
        and not any(str(up) in tracked for up in (Path(name), *Path(name).parents))
    ]


def _local_configs(project: Project) -> list[str]:
    return [name for name in _names(project) if f"/{name}".endswith(f"/{_NEVER}")]


def _names(project: Project) -> list[str]:
    base = project.git_root
    if base is None:
        return sorted(_walk(project.root))
    names = set(_git_files(base, "--cached", "--others", "--exclude-standard"))
    folders = {os.path.dirname(name) for name in names}  # noqa: PTH120  strings, thousands
    # git's index may list files of a folder that was replaced by a link: only the link exists.
    linked = {f"{folder}/" for folder in folders if folder and _is_below_link(base, folder)}
    return sorted(
        name
        for name in names
        if f"{os.path.dirname(name)}/" not in linked  # noqa: PTH120  as above
        and os.path.lexists(base / name)
    )


def _git_files(base: Path, *flags: str) -> Iterator[str]:
    process = subprocess.run(
        ["git", "ls-files", "-z", *flags], cwd=base, capture_output=True, check=False
    )
    if process.returncode:
        error = process.stderr.decode(errors="replace").strip()
        raise UsageError(
            f"git cannot list the files of {base}: {error}",
            "run git status in this folder for details",
        )
    yield from (os.fsdecode(name) for name in process.stdout.split(b"\0") if name)


def _is_below_link(base: Path, folder: str) -> bool:
    return any((base / up).is_symlink() for up in (Path(folder), *Path(folder).parents))


def _walk(root: Path) -> Iterator[str]:
    for folder, names, files in os.walk(root):
        relative = Path(folder).relative_to(root)
        if relative == Path(".dvc"):
            names[:] = [name for name in names if name not in ("cache", "tmp", "site")]
        yield from ((relative / name).as_posix() for name in files)
        links = [name for name in names if Path(folder, name).is_symlink()]
        yield from ((relative / name).as_posix() for name in links)


def _archive(base: Path, names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in names:
            path = base / name
            info = tarfile.TarInfo(name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)  # noqa: PTH115
                tar.addfile(info)
            elif stat.S_ISREG(status.st_mode):
                content = path.read_bytes()
                info.size = len(content)
                info.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
