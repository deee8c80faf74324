"""Copies of a project with equal bytes, modes, times and links; they share blocks if possible."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from dvc_bridge.dvcio.atomic_files import clone_or_copy


def copy_tree(source: Path, target: Path, *, skip: Collection[Path] = ()) -> None:
    """Copy `source`, a folder, to `target`, which must not exist.

    Parameters
    ----------
    source, target
        Absolute folders.
    skip
        Absolute paths under `source` to leave out.

    Notes
    -----
    Hard links inside the tree stay hard links. A symbolic link with an absolute target inside
    `source` (an out of cache type symlink) refers to the copied file. Sockets and pipes are
    skipped.
    """
    skipped = frozenset(skip)
    copies_by_inode: dict[tuple[int, int], Path] = {}
    folders: list[tuple[Path, Path]] = []
    for folder, names, files in os.walk(source):
        source_folder = Path(folder)
        target_folder = target / source_folder.relative_to(source)
        target_folder.mkdir()
        folders.append((source_folder, target_folder))
        links = [n for n in names if (source_folder / n).is_symlink()]
        names[:] = [n for n in names if n not in links and source_folder / n not in skipped]
        for name in [*links, *files]:
            if source_folder / name not in skipped:
                _copy_leaf(
                    source_folder / name, target_folder / name, (source, target), copies_by_inode
                )
    # Last, and from the leaves up: no file can be written to a folder without write permission.
    for source_folder, target_folder in reversed(folders):
        shutil.copystat(source_folder, target_folder)


def _copy_leaf(
    path: Path, target: Path, roots: tuple[Path, Path], copies_by_inode: dict[tuple[int, int], Path]
) -> None:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        link_target = path.readlink()
        if link_target.is_absolute() and link_target.is_relative_to(roots[0]):
            link_target = roots[1] / link_target.relative_to(roots[0])
        target.symlink_to(link_target)
    elif stat.S_ISREG(info.st_mode):
        key = (info.st_dev, info.st_ino)
        if key in copies_by_inode:
            target.hardlink_to(copies_by_inode[key])
            return
        if info.st_nlink > 1:
            copies_by_inode[key] = target
        _copy_file(path, target)
        shutil.copystat(path, target)


def _copy_file(path: Path, target: Path) -> None:
    with target.open("wb") as copy:
        clone_or_copy(path, copy)
