"""The current state of workspace and cache, which the planner reads."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.cache_layout import object_path
from dvc_bridge.dvcio.hashes import Hashes, files_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.dvcignore import DvcIgnore
from dvc_bridge.dvcio.reading.params import read_values
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import Pointer, pointer_of
from dvc_bridge.pipeline.stage import Dependency, Output, Params
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.recorded_data import RecordedOut
from dvc_bridge.planning.run_cache_key import run_folder

# DVC trusts a cache object that has this mode, and reads any other object again.
PROTECTED = 0o444


class Workspace:
    """The files as they are now; implements `planning.changes.StateReader`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._root = str(project.root)
        self._cache = str(project.cache)
        self._members: dict[str, list[str]] = {}
        self._values: dict[tuple[str, tuple[str, ...]], tuple[object, Any]] = {}
        self.hashes = Hashes(project.scratch / "hashes.db", DvcIgnore(project))

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the current pointer of a file or folder that a stage reads; None if it is missing.

        Raises
        ------
        UsageError
            The dep is a named pipe: reading it would block.
        """
        path = dep.at if dep.at.startswith("/") else f"{self._root}/{dep.at}"
        try:
            return self.hashes.pointer(path)
        except UndecidedError:
            if Path(path).is_fifo():
                fix = "replace it with a file: a dep is read more than once"
                raise UsageError(f"dep {dep.path} is a named pipe", fix) from None
            raise

    def out(self, out: Output, *, large: bool = False) -> Pointer | None:
        """Return the current pointer of an out; None if it is missing.

        Parameters
        ----------
        large
            Also read large files whose hashes are not stored.
        """
        return self.hashes.pointer(f"{self._root}/{out.at}", large=large)

    def is_link_to_folder(self, out: Output) -> bool:
        """Return whether the out is a symbolic link to a folder."""
        path = f"{self._root}/{out.at}"
        return out.local and os.path.islink(path) and os.path.isdir(path)  # noqa: PTH112, PTH114

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the values of a parameters file, cached until it changes; None if missing."""
        path = os.path.join(self._root, params.at)  # noqa: PTH118  params.at may be absolute
        try:
            info = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        signature = (info.st_ino, info.st_mtime_ns, info.st_size)
        key = (params.at, params.keys)
        if key not in self._values or self._values[key][0] != signature:
            self._values[key] = (signature, read_values(path, params))
        values: Mapping[str, Any] = self._values[key][1]
        return values

    def kept(self, pointer: Pointer) -> bool:
        """Return whether the cache holds the object and, for a folder, those of all its files."""
        return all(map(self._has, self._objects_of(pointer)))

    def is_cached(self, recorded: RecordedOut) -> bool:
        """Return whether the cache holds a recorded out, or only DVC can tell."""
        try:
            return self.kept(pointer_of(recorded.item))
        except UndecidedError:
            return True

    def is_here(self, recorded: RecordedOut) -> bool:
        """Return whether a recorded out is in the workspace or in the cache."""
        return os.path.lexists(f"{self._root}/{recorded.at}") or self.is_cached(recorded)

    def lost(self, pointer: Pointer) -> frozenset[str]:
        """Return the names of the objects that `kept` checks and the cache lacks."""
        return frozenset(name for name in self._objects_of(pointer) if not self._has(name))

    def has_runs(self, key: str) -> bool:
        """Return whether the run cache holds an entry under the key."""
        return os.path.exists(f"{self._cache}/{run_folder(key)}")  # noqa: PTH110  as above

    def _objects_of(self, pointer: Pointer) -> list[str]:
        """Return paths of objects in the cache: DVC 3's layout, or DVC 2's for its hashes."""
        if "local" in self._project.config.get("cache", {}):
            raise UndecidedError
        if "md5" not in pointer:  # versions in a bucket: the files of a folder, or an etag
            raise UndecidedError
        is_legacy = pointer.get("hash") != "md5"
        listing = object_path(str(pointer["md5"]), is_legacy=is_legacy)
        if not listing.endswith(".dir") or not self._has(listing):
            return [listing]
        try:
            files = self._files_of(listing)
            return [listing, *(object_path(md5, is_legacy=is_legacy) for md5 in files)]
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise UndecidedError from exc

    def _files_of(self, listing: str) -> list[str]:
        if listing not in self._members:
            content = Path(self._cache, listing).read_bytes()
            self._members[listing] = list(files_of(content).values())
        return self._members[listing]

    def _has(self, name: str) -> bool:
        try:
            mode = os.stat(f"{self._cache}/{name}").st_mode  # noqa: PTH116
        except FileNotFoundError:
            return False
        if stat.S_IMODE(mode) != PROTECTED:
            raise UndecidedError
        return True
