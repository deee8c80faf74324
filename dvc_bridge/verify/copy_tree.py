"""Copies of a project: same bytes, modes, times and links, sharing blocks where the disk can."""

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
    `source` (an out of cache type symlink) leads to the copy's file. Sockets and pipes are left
    out.
    """
    skipped = frozenset(skip)
    twins: dict[tuple[int, int], Path] = {}
    folders: list[tuple[Path, Path]] = []
    for folder, names, files in os.walk(source):
        here = Path(folder)
        there = target / here.relative_to(source)
        there.mkdir()
        folders.append((here, there))
        links = [n for n in names if (here / n).is_symlink()]
        names[:] = [n for n in names if n not in links and here / n not in skipped]
        for name in [*links, *files]:
            if here / name not in skipped:
                _copy_leaf(here / name, there / name, (source, target), twins)
    # Last, and from the leaves up: a folder without write permission could not be filled.
    for here, there in reversed(folders):
        shutil.copystat(here, there)


def _copy_leaf(
    path: Path, target: Path, roots: tuple[Path, Path], twins: dict[tuple[int, int], Path]
) -> None:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        leads_to = path.readlink()
        if leads_to.is_absolute() and leads_to.is_relative_to(roots[0]):
            leads_to = roots[1] / leads_to.relative_to(roots[0])
        target.symlink_to(leads_to)
    elif stat.S_ISREG(info.st_mode):
        key = (info.st_dev, info.st_ino)
        if key in twins:
            target.hardlink_to(twins[key])
            return
        if info.st_nlink > 1:
            twins[key] = target
        _copy_file(path, target)
        shutil.copystat(path, target)


def _copy_file(path: Path, target: Path) -> None:
    with target.open("wb") as copy:
        clone_or_copy(path, copy)
