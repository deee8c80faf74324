"""Read the folder of a project as a `ProjectState`.

It skips paths that no run is expected to reproduce: .git, .dvc/tmp, and __pycache__ (a compiled
module's bytes vary between runs of the same Python).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dvc_bridge.verify.equality import PathKind, PathState, ProjectState

TEXT_FILES = ("dvc.lock", ".gitignore", ".dvc")
IGNORED_FOLDERS = frozenset({".git", "__pycache__"})


def project_state(root: Path, cache: Path | None, *, succeeded: bool = True) -> ProjectState:
    """Read workspace and cache.

    Parameters
    ----------
    root
        The folder of the workspace: the git root, or DVC's root outside a git repository.
    cache
        DVC's cache folder, inside or outside `root`; None if there is no cache.
    succeeded
        Whether the run that left this state succeeded.
    """
    skipped = {cache} if cache else set()
    return ProjectState(
        workspace={path: _read_entry(file, root) for path, file in _walk(root, skipped)},
        cache=_read_cache(cache) if cache and cache.is_dir() else {},
        succeeded=succeeded,
    )


def _walk(root: Path, skipped: set[Path]) -> Iterator[tuple[str, Path]]:
    for folder, names, files in os.walk(root):
        parent = Path(folder)
        names[:] = sorted(n for n in names if not _is_skipped(parent / n, skipped))
        for name in [*names, *files]:
            path = parent / name
            yield path.relative_to(root).as_posix(), path


def _is_skipped(folder: Path, skipped: set[Path]) -> bool:
    is_scratch = folder.name == "tmp" and folder.parent.name == ".dvc"
    return is_scratch or folder.name in IGNORED_FOLDERS or folder in skipped


def _read_cache(cache: Path) -> dict[str, PathState]:
    # An object's name is its hash, so its size reveals a truncated object without reading it.
    entries = {}
    for path, file in _walk(cache, set()):
        info = file.lstat()
        if stat.S_ISREG(info.st_mode):
            content = _md5(file) if path.startswith("runs/") else f"{info.st_size} bytes"
            entries[path] = PathState(PathKind.FILE, stat.S_IMODE(info.st_mode), content)
    return entries


def _read_entry(path: Path, root: Path) -> PathState:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        target = path.readlink()
        is_inside = target.is_absolute() and target.is_relative_to(root)
        link = f"{{root}}/{target.relative_to(root)}" if is_inside else str(target)
        return PathState(PathKind.SYMLINK, 0, link)
    mode = stat.S_IMODE(info.st_mode)
    if stat.S_ISDIR(info.st_mode):
        return PathState(PathKind.FOLDER, mode, "")
    text = path.read_text("utf-8", "replace") if path.name.endswith(TEXT_FILES) else None
    return PathState(PathKind.FILE, mode, _md5(path), info.st_nlink > 1, text)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
