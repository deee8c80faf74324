"""Read the inputs of a stage once for all questions about the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.stage import Dependency, Output, Params
from dvc_bridge.planning.changes import StateReader


class ReadOnce:
    """Passes the questions to another reader, but asks for each input only once.

    Detecting a change, the key of the run cache and the search for a result all need the same
    hashes, and the hash of a folder costs a walk over its files. Use one object while a stage is
    settled, and drop it before the stage's command starts.
    """

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self._deps: dict[str, Pointer | None] = {}
        self._values: dict[tuple[str, tuple[str, ...]], Mapping[str, Any] | None] = {}

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the pointer of the file or folder; None if there is none."""
        if dep.path not in self._deps:
            self._deps[dep.path] = self._reader.dep(dep)
        return self._deps[dep.path]

    def out(self, out: Output) -> Pointer | None:
        """Return the pointer of the file or folder; None if there is none."""
        return self._reader.out(out)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the requested parameters that exist; None if there is no such file."""
        key = params.path, params.keys
        if key not in self._values:
            self._values[key] = self._reader.values(params)
        return self._values[key]

    def kept(self, pointer: Pointer) -> bool:
        """Return whether DVC's cache contains it, with all its files."""
        return self._reader.kept(pointer)
