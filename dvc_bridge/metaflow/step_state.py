"""The state of the files of a step on this machine."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.cached_objects import find, in_cache
from dvc_bridge.dvcio.hashes import Hashes
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.dvcignore import DvcIgnore
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import Pointer, lock_pointers
from dvc_bridge.pipeline.stage import Dependency, Output, Params
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.run_cache_key import StageSpec

from .run_artifact import DvcRun, modes_of, path_of


class StepState:
    """What a stage reads and has written; implements `planning.changes.StateReader`.

    The outs of the run's steps are only in DVC's cache, other deps are files of the project. The
    stage's own outs count as present if the cache holds them. Parameters are those that the run
    read at its start.

    Attributes
    ----------
    deps
        The pointers of the deps before the step's body, by their paths in dvc.lock.

    Raises
    ------
    UsageError
        A dep is not a file, or an out of a stage that has not run.
    """

    def __init__(self, run: DvcRun, spec: StageSpec) -> None:
        self._run, self._spec = run, spec
        self._cache = Path(run["cache"])
        project = Project(Path(run["root"]), None, {"cache": {"dir": run["cache"]}})
        self._hashes = Hashes(project.scratch / "hashes.db", DvcIgnore(project))
        self._locked_outs = lock_pointers(spec["lock"], "outs")
        self.deps = self.read_deps()
        self._hashes.save()

    def read_deps(self) -> dict[str, Pointer]:
        """Return the current pointers of the deps; read only files that have changed."""
        outs = {path_of(s, out) for s in self._run["stages"].values() for out in s["outs"]}
        return {dep: self._pointer(path_of(self._spec, dep), outs) for dep in self._spec["deps"]}

    def _pointer(self, path: str, outs: set[str]) -> Pointer:
        pointer = find(self._cache, self._run["outs"], path)
        if pointer is None:
            return self._pointer_of_file(path, outs)
        if path not in self._run["outs"] and modes_of(self._run, path).get(".", 0) & stat.S_IXUSR:
            return Pointer({**pointer, "isexec": True})
        return pointer

    def _pointer_of_file(self, path: str, outs: set[str]) -> Pointer:
        if path in outs:
            raise UsageError(
                f"stage {self._spec['name']}: dep {path} is an out of a stage that has not run"
                " before this step",
                "move that stage's step before this one",
            )
        file = Path(self._run["root"]) / path
        pointer = None
        if file.is_file():
            try:
                # A step does not ask DVC, so it reads large files too.
                pointer = self._hashes.pointer(str(file), large=True)
            except UndecidedError as exc:
                raise UsageError(
                    f"stage {self._spec['name']}: dep {path} cannot be read: {exc.__cause__}"
                ) from None
        if pointer is None:
            raise UsageError(f"stage {self._spec['name']}: dep {path} is not a file")
        return pointer

    def dep(self, dep: Dependency) -> Pointer | None:
        """Return the pointer of a dep before the step's body."""
        return self.deps.get(dep.path)

    def out(self, out: Output) -> Pointer | None:
        """Return the pointer of an out in dvc.lock; None if the cache does not hold it."""
        pointer = self._locked_outs.get(out.path)
        return pointer if pointer and "md5" in pointer and self.kept(pointer) else None

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """Return the values of a parameters file that the stage reads."""
        return self._spec["params"].get(params.key)

    def kept(self, pointer: Pointer) -> bool:
        """Return whether the cache holds the objects; a step that reads them checks their bytes."""
        return in_cache(self._cache, pointer)
