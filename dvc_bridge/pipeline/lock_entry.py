"""Entries of dvc.lock, and the deps and outs in them.

A pointer describes the content of a file or folder, wherever it is. A lock item is a dep or out
in a lock entry: a path and the pointer of its content. mypy tells them apart; at run time both are
plain mappings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NewType

# The content of a file or folder: hash, md5, size, nfiles, isexec.
Pointer = NewType("Pointer", Mapping[str, Any])
# An item of `deps` or `outs` in a lock entry: the fields of a pointer, and the path.
LockItem = NewType("LockItem", Mapping[str, Any])
# The entry of a stage in dvc.lock: cmd, deps, params, outs.
LockEntry = Mapping[str, Any]

Section = Literal["deps", "outs"]


def lock_item(path: str, pointer: Pointer) -> LockItem:
    """Return the item of a lock entry for a path with this content."""
    return LockItem({"path": path, **pointer})


def pointer_of(item: LockItem) -> Pointer:
    """Return the pointer of an item of a lock entry."""
    pointer = dict(item)
    del pointer["path"]
    return Pointer(pointer)


def is_folder(pointer: Pointer | LockItem) -> bool:
    """Return whether the content is a folder, whose hash names a list of its files."""
    return str(pointer.get("md5", "")).endswith(".dir")


def item_path(item: LockItem) -> str:
    """Return the path of an item of a lock entry, from the stage's `wdir`."""
    path: str = item["path"]
    return path


def lock_items(entry: LockEntry | None, section: Section) -> Sequence[LockItem]:
    """Return the deps or outs of a lock entry; without an entry, there are none."""
    items: Sequence[LockItem] = (entry or {}).get(section) or ()
    return items


def lock_paths(entry: LockEntry | None, section: Section) -> set[str]:
    """Return the paths of the deps or outs of a lock entry."""
    return set(map(item_path, lock_items(entry, section)))


def lock_pointers(entry: LockEntry | None, section: Section) -> dict[str, Pointer]:
    """Return the pointers of the deps or outs of a lock entry by path."""
    return {item_path(item): pointer_of(item) for item in lock_items(entry, section)}


def with_outs(entry: LockEntry, items: Iterable[LockItem]) -> LockEntry:
    """Return a lock entry with these outs instead of its own."""
    return {**entry, "outs": list(items)}
