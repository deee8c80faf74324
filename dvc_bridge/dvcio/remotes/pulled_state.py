"""The state of files as if all missing data were downloaded, for the forecast of `--pull`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.run_cache import any_run, newest_run
from dvc_bridge.dvcio.remotes.listing import part_of
from dvc_bridge.dvcio.remotes.recorded_objects import in_remotes
from dvc_bridge.dvcio.remotes.remote import Remote, VersionedRemoteError
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, pointer_of
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Pipeline
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.recorded_data import RecordedOut, recorded_outs


class PulledState:
    """Implements `planning.changes.StateReader`; it downloads nothing but lists of files."""

    def __init__(
        self, project: Project, pipeline: Pipeline, workspace: Workspace, session: Session
    ) -> None:
        self._project, self._workspace = project, workspace
        self._objects = Objects(session, "")
        self._outs = {
            recorded.at: recorded for stage in pipeline.stages for recorded in recorded_outs(stage)
        }

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the file or folder as it will be after the download.

        Raises
        ------
        UndecidedError
            A folder contains outs that are missing.
        """
        inside = (out for at, out in self._outs.items() if at.startswith(f"{dep.at}/"))
        if any(not self._exists(recorded.at) and self.has(recorded) for recorded in inside):
            raise UndecidedError
        pointer = self._workspace.dep(dep)
        if pointer is not None:
            return pointer
        if dep.at in self._outs:
            recorded = self._outs[dep.at]
            return pointer_of(recorded.item) if self.has(recorded) else None
        return self._part(dep.at)

    def out(self, out: Output) -> Pointer | None:
        """Return the out as it will be after the download."""
        pointer, recorded = self._workspace.out(out), self._outs.get(out.at)
        if pointer is not None or recorded is None or not self.has(recorded):
            return pointer
        return pointer_of(recorded.item)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the values of a parameters file."""
        return self._workspace.values(params)

    def kept(self, pointer: Pointer) -> bool:
        """Return whether the cache or the default remote has the object."""
        with suppress(UndecidedError):
            if self._workspace.kept(pointer):
                return True
        return bool(self._default and self._default.has([str(pointer["md5"])]))

    def has(self, recorded: RecordedOut) -> bool:
        """Return whether an out can be brought from the cache or its remote."""
        return self._workspace.is_cached(recorded) or recorded.at in self._in_remote

    def run(self, key: str) -> LockEntry | None:
        """Return the result that the run cache, here or in the remote, has for a key."""
        entry = newest_run(self._project, key)
        if entry is not None or self._default is None:
            return entry
        return next(iter(self._default.runs(key)), None)

    def has_runs(self) -> bool:
        """Return whether the run cache, here or in the remote, holds any entry."""
        remote = self._default
        return any_run(self._project) or bool(remote and remote.names(remote.path("runs")))

    @cached_property
    def _default(self) -> Remote | None:
        try:
            return self._objects.default
        except UsageError:
            return None

    @cached_property
    def _in_remote(self) -> frozenset[str]:
        """The paths of the outs that are not in the cache, but in their remote."""
        absent = [r for r in self._outs.values() if r.is_plain and not self._workspace.is_cached(r)]
        try:
            found = in_remotes(self._objects, absent)
        except VersionedRemoteError:
            return frozenset(recorded.at for recorded in absent)  # DVC downloads them
        return frozenset(r.at for r, is_there in zip(absent, found, strict=True) if is_there)

    def _part(self, at: str) -> Pointer | None:
        """Return a path inside a folder that is not in the workspace."""
        for folder, recorded in self._outs.items():
            if at.startswith(f"{folder}/") and recorded.is_plain and self.has(recorded):
                files = self._objects.listing(recorded.stage, recorded.item)
                return part_of(files, at.removeprefix(f"{folder}/"))
        return None

    def _exists(self, at: str) -> bool:
        return os.path.lexists(f"{self._project.root}/{at}")
