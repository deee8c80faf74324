"""Interpret a remote's listings and run-cache entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.hashes import files_of, folder_md5
from dvc_bridge.dvcio.reading.yaml12 import parse
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer


def inside(cache: Any, md5: str) -> Iterator[str]:
    """Yield the md5s of a folder's files from its object in a cache; nothing if that is missing."""
    with suppress(OSError):
        yield from files_of(Path(cache.oid_to_path(md5)).read_bytes()).values()


def holds(cache: Any, md5: str, lost_md5: str) -> bool:
    """Return whether an object is the lost object, or a cached folder that contains it."""
    if md5 == lost_md5:
        return True
    is_cached_folder = md5.endswith(".dir") and Path(cache.oid_to_path(md5)).exists()
    return is_cached_folder and lost_md5 in inside(cache, md5)


def part_of(files: Mapping[str, str], path: str) -> Pointer | None:
    """Return the pointer of a file or folder within a folder, without its size.

    Parameters
    ----------
    files
        The files of the folder: path -> md5.
    path
        The path within the folder.
    """
    if path in files:
        return Pointer({"hash": "md5", "md5": files[path]})
    prefix = f"{path}/"
    subfolder = {p.removeprefix(prefix): md5 for p, md5 in files.items() if p.startswith(prefix)}
    return Pointer({"hash": "md5", "md5": folder_md5(subfolder)}) if subfolder else None


def written_s(item: dict[str, Any]) -> float:
    """Return the modification time of a listed file, in seconds since 1970."""
    modified = item.get("LastModified") or item.get("last_modified") or item.get("mtime") or 0.0
    stamp: Callable[[], float] | None = getattr(modified, "timestamp", None)
    return stamp() if stamp else float(modified)


def run_entry(text: bytes) -> LockEntry | None:
    """Read an entry of the run cache; None if the text is not a valid entry."""
    with suppress(UsageError, UnicodeDecodeError):
        value = parse(text.decode(), "an entry of the run cache")
        return value if isinstance(value, dict) and "cmd" in value else None
    return None
