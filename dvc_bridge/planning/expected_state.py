"""The state of files that a forecast expects when a stage starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer
from dvc_bridge.pipeline.stage import Dependency, Output, Params, overlap
from dvc_bridge.planning.changes import StateReader, UndecidedError


class UnknownStateError(UndecidedError):
    """The out does not exist yet."""


class ExpectedState:
    """The expected workspace at the start of the stage; implements `changes.StateReader`.

    Parameters
    ----------
    restored, unknown
        Outs that the run cache or a download restores before that, and paths of outs that are not
        known yet.
    returns
        Whether earlier stages may restore all objects of its outs that the cache lacks.

    Attributes
    ----------
    completes_outs
        Whether the stage only downloads what is missing of its outs.
    """

    def __init__(
        self,
        workspace: StateReader,
        restored: Mapping[str, Pointer],
        unknown: Sequence[str],
        *,
        returns: bool,
    ) -> None:
        self._workspace, self._restored = workspace, restored
        self._unknown, self._returns = unknown, returns
        self._is_pulled = self.completes_outs = False
        self.result: LockEntry | None = None

    @property
    def changes(self) -> bool:
        """Whether the files may change before the stage starts."""
        return bool(self._restored or self._unknown or self._returns or self._is_pulled)

    def pull(self, state: StateReader) -> None:
        """Expect from now on what is there after the download of missing data."""
        self._workspace, self._is_pulled = state, True

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the file or folder as earlier stages leave it."""
        if any(overlap(dep.at, path) for path in self._unknown):
            raise UnknownStateError
        if dep.at in self._restored:
            return self._restored[dep.at]
        if any(overlap(dep.at, path) for path in self._restored):
            raise UnknownStateError
        return self._workspace.dep(dep)

    def out(self, out: Output) -> Pointer | None:
        """Return the out as it is."""
        return self._workspace.out(out)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the values of a parameters file that no earlier stage writes."""
        if any(overlap(params.at, path) for path in (*self._unknown, *self._restored)):
            raise UnknownStateError
        return self._workspace.values(params)

    def kept(self, pointer: Pointer) -> bool:
        """Return whether the cache has the object."""
        is_kept = self._workspace.kept(pointer)
        if self._returns and not is_kept:
            raise UnknownStateError
        return is_kept
