"""The lock entries in DVC's run cache on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.yaml12 import read
from dvc_bridge.dvcio.recording.lock_yaml import entry_text
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.planning.run_cache_key import run_folder, run_path

# The names of entries; DVC's unfinished files have other names.
_ENTRY = re.compile("[0-9a-f]{64}")


def newest_run(project: Project, key: str) -> LockEntry | None:
    """Return the entry that DVC would use for a key (dvc/stage/cache.py); None if there is none."""
    folder = project.cache / run_folder(key)
    if not folder.is_dir():
        return None
    newest = max(folder.iterdir(), key=lambda file: file.stat().st_mtime, default=None)
    return None if newest is None else _read_entry(newest)


def runs(cache: Path, key: str) -> list[LockEntry]:
    """Return all entries under a key that can be read, the newest first."""
    folder = cache / run_folder(key)
    if not folder.is_dir():
        return []
    files = [file for file in folder.iterdir() if _ENTRY.fullmatch(file.name)]
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    return [entry for file in files if (entry := _read_entry(file)) is not None]


def _read_entry(file: Path) -> LockEntry | None:
    """Return an entry; None if it is damaged: DVC deletes it and runs the stage."""
    try:
        entry: Any = read(file, str(file))
    except UsageError:
        return None
    return entry if isinstance(entry, dict) and "cmd" in entry else None


def any_run(project: Project) -> bool:
    """Return whether the run cache holds any entry."""
    return any(project.cache.glob("runs/*/*"))


def keep_run(cache: Path, entry: LockEntry, scratch: Path) -> None:
    """Write a lock entry to the run cache, unless it is there and can be read.

    Parameters
    ----------
    scratch
        A folder for the unfinished file.
    """
    path = cache / run_path(entry)
    if not path.exists() or _read_entry(path) is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, entry_text(entry), scratch, durable=False)
