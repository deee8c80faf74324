"""Run a step on the machine that has the project and DVC's cache.

The step decides as a worker of `dvc-bridge submit` does (`planning.known_result`), with the cache
in place of the remote, and records as a local run does (`step_results`). Three things differ from
a local run, because the workspace and dvc.lock belong to the user: the body works in a folder of
its own, the outs of earlier steps come from the cache, and the result is an artifact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from metaflow.user_decorators.user_step_decorator import USER_SKIP_STEP

from dvc_bridge.dvcio.cached_objects import in_cache
from dvc_bridge.dvcio.reading.stage_entry import stage_of_entry
from dvc_bridge.errors import IntegrityError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import DVC_YAML
from dvc_bridge.pipeline.trace import Execution
from dvc_bridge.planning.known_result import is_complete, settle_by_results
from dvc_bridge.planning.next_action import current_inputs
from dvc_bridge.planning.run_cache_key import StageSpec, run_cache_key

from .current_workspace import set_workspace
from .errors import of_machine
from .run_artifact import DvcRun, with_result
from .step_state import StepState
from .step_workspace import stage_folder


def run_on_host(flow: Any, run: DvcRun, spec: StageSpec, *, force: bool) -> Iterator[Any]:
    """Run a step as a stage, or skip it; the generator yields where the body runs."""
    name = spec["name"]
    stage = HostStage(run, spec)
    result = stage.settle(force=force)
    if result is not None:
        print(f"{name}: unchanged, its result is in DVC's cache (run {stage.key[:8]})")
        flow.dvc = with_result(run, spec, result)
        yield USER_SKIP_STEP
        return
    print(f"{name}: running (run {stage.key[:8]})")
    from dvc_bridge.local.tracer import Tracer  # noqa: PLC0415  a step that is skipped needs none

    tracer, index = Tracer([name], {}), RunIndex(0)
    with stage.folder() as folder:
        with set_workspace(folder), tracer.body(index):
            yield
        flow.dvc = with_result(run, spec, stage.record(folder, tracer.execution(index)))


class HostStage:
    """One stage on this machine.

    Attributes
    ----------
    key
        The key of the stage's inputs in the run cache.

    Raises
    ------
    UsageError
        A dep is not a file, or an out of a stage that has not run.
    """

    def __init__(self, run: DvcRun, spec: StageSpec) -> None:
        self._run, self._spec, self._cache = run, spec, Path(run["cache"])
        self._state = StepState(run, spec)
        stage = stage_of_entry(
            Path(run["root"]), DVC_YAML, spec["name"], spec["data"], spec["lock"]
        )
        # A damaged dvc.lock must not stop a step that can find its result in the run cache.
        is_locked = stage.lock is not None and is_complete(stage, stage.lock)
        self._stage = stage if is_locked else replace(stage, lock=None)
        self.key = run_cache_key(current_inputs(self._stage, self._state), spec["outs"])

    def settle(self, *, force: bool) -> Result | None:
        """Return the result of an earlier run; None: the body must run."""
        _, result, _ = settle_by_results(
            self._stage,
            self._state,
            force=force,
            runs=self._runs,
            available=self._has_outs,
        )
        return result

    def _runs(self, key: str) -> list[LockEntry]:
        # Imported late, with its parser: a step that dvc.lock settles does not need it.
        from dvc_bridge.dvcio.recording.run_cache import runs  # noqa: PLC0415

        return runs(self._cache, key)

    def _has_outs(self, entry: LockEntry) -> bool:
        return all(in_cache(self._cache, out) for out in entry["outs"])

    def folder(self) -> AbstractContextManager[Path]:
        """Create the folder of the body, with the deps and parameters of the stage."""
        return stage_folder(self._run, self._spec, self._state.deps)

    def record(self, folder: Path, execution: Execution) -> Result:
        """Store the outs of the body, and return its result.

        Raises
        ------
        IntegrityError
            A dep or a parameter has changed since the body started.
        UsageError
            An out is missing.
        """
        if self._state.read_deps() != self._state.deps:
            raise IntegrityError(
                f"a dep of {self._spec['name']} changed while it ran", "run the flow again"
            )
        # Imported late: a step that is skipped needs neither the recorder nor DVC.
        from .step_results import save_results  # noqa: PLC0415

        with of_machine(self._run["cache"]):
            result = save_results(folder, self._cache, self._spec)
        return replace(result, seconds=execution.command_s, execution=execution)
