"""The workspace as it would be after `dvc pull`, for plans without data and without a network."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from dvc_bridge.pipeline.lock_entry import Pointer, lock_pointers
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Pipeline
from dvc_bridge.planning.changes import StateReader

# The content of a file inside a recorded folder about which no stage has recorded anything.
_SOME_CONTENT = Pointer({"hash": "md5", "md5": "unknown"})


class PulledData:
    """A `changes.StateReader` for which everything that is missing is as it was last recorded.

    A missing out has the content in its lock entry or .dvc file, whether or not the remote still
    has it. A missing dep has the content that its stage last wrote, or else what its readers read.
    """

    def __init__(self, workspace: StateReader, pipeline: Pipeline) -> None:
        self._workspace = workspace
        self._outs = {
            out.at: pointer
            for stage in pipeline.stages
            for out in stage.outs
            if out.local and (pointer := lock_pointers(stage.lock, "outs").get(out.path))
        }
        # Files inside folders whose list of files is missing, and files that no stage writes.
        self._deps = {
            dep.at: pointer
            for stage in pipeline.stages
            for dep in stage.deps
            if dep.at not in self._outs
            and (pointer := lock_pointers(stage.lock, "deps").get(dep.path))
        }

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the pointer that the dep has after `dvc pull`; None if it is missing then too."""
        pointer = self._workspace.dep(dep)
        if pointer is not None:
            return pointer
        recorded = self._outs.get(dep.at) or self._deps.get(dep.at)
        if recorded is None and any(folder in self._outs for folder in _folders_of(dep.at)):
            return _SOME_CONTENT
        return recorded

    def out(self, out: Output) -> Pointer | None:
        """Return the pointer that the out has after `dvc pull`; None if it is missing then too."""
        pointer = self._workspace.out(out)
        return self._outs.get(out.at) if pointer is None else pointer

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the requested parameters that exist; None if there is no such file."""
        return self._workspace.values(params)

    def kept(self, pointer: Pointer) -> bool:
        """Return True: after `dvc pull`, the cache has everything that is recorded."""
        del pointer
        return True


def _folders_of(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
