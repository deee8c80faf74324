"""The state of files in the workspace or, if missing there, in the remote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvc_bridge.dvcio.remotes.listing import part_of
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.pipeline.lock_entry import (
    LockItem,
    Pointer,
    item_path,
    lock_items,
    pointer_of,
    with_outs,
)
from dvc_bridge.pipeline.stage import (
    Dependency,
    Output,
    Params,
    Pipeline,
    Stage,
)
from dvc_bridge.planning.changes import UndecidedError


class RemoteState:
    """The state of files in the workspace or, if missing there, in the remote.

    It implements `planning.changes.StateReader`. It asks the remote only for files that are missing
    here, so a run with nothing to do sends no requests.
    """

    def __init__(self, workspace: Workspace, objects: Objects, pipeline: Pipeline) -> None:
        self._workspace, self._objects = workspace, objects
        self._locked: dict[str, tuple[Stage, LockItem]] = {}
        for stage in pipeline.stages:
            items = {item_path(item): item for item in lock_items(stage.lock, "outs")}
            self._locked.update(
                (out.at, (stage, items[out.path])) for out in stage.outs if out.path in items
            )

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the file or folder, or the dvc.lock entry of an out that is only in the remote."""
        pointer = self._workspace.dep(dep)
        if pointer is not None:
            return pointer
        return self._remote(dep.at) or self._part(dep.at)

    def out(self, out: Output, *, large: bool = False) -> Pointer | None:
        """Return the state of an out, as `dep` does; with `large`, large files are read."""
        pointer = self._workspace.out(out, large=large)
        return pointer if pointer is not None else self._remote(out.at)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the values of a parameters file."""
        return self._workspace.values(params)

    def kept(self, pointer: Pointer) -> bool:
        """Return whether the cache or the remote has the object."""
        try:
            if self._workspace.kept(pointer):
                return True
        except UndecidedError:
            pass
        return self._objects.default.has([str(pointer["md5"])]) != set()

    def is_link_to_folder(self, out: Output) -> bool:
        """Return whether the user has linked an out to a folder elsewhere."""
        return self._workspace.is_link_to_folder(out)

    def _part(self, at: str) -> Pointer | None:
        """Return a path inside a folder that only the remote has."""
        for folder, (stage, item) in self._locked.items():
            if at.startswith(f"{folder}/") and self._remote(folder):
                files = self._objects.listing(stage, item)
                return part_of(files, at.removeprefix(f"{folder}/"))
        return None

    def _remote(self, at: str) -> Pointer | None:
        if at not in self._locked:
            return None
        stage, item = self._locked[at]
        return pointer_of(item) if self._objects.has(stage, with_outs({}, [item])) else None
