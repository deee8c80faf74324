"""The recorder of a pod: it downloads the inputs of a stage only if the command must run.

It decides as a local run does (`planning.known_result`), but reads the state of other pods' outs
from their results. A stage that is up to date or in the run cache transfers no data.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.local.dvc_recorder import FORCED, DvcRecorder
from dvc_bridge.local.tracer import Tracer
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, lock_pointers
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Modes, Result
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage
from dvc_bridge.planning.known_result import settle_by_results
from dvc_bridge.planning.next_action import NextAction, leaves_run
from dvc_bridge.planning.run_cache_key import run_path
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.task import PlannedTask, TaskStage
from dvc_bridge.worker.inputs import Inputs


class WorkerRecorder:
    """Implements `local.recorder.Recorder` for the stages of one task.

    Parameters
    ----------
    upstream
        The results of the task's upstream stages, in their order.
    tracer
        Knows how the stages of this pod went.

    Attributes
    ----------
    workspace
        The files that are in the pod.
    """

    def __init__(
        self,
        project: Project,
        session: Session,
        entry: PlannedTask,
        upstream: list[Result],
        objects: Objects,
        store: Store,
        tracer: Tracer,
    ) -> None:
        self._project, self._session = project, session
        self._entry, self._objects, self._store = entry, objects, store
        self._tracer = tracer
        self._counted_bytes = (0, 0)
        self._reasons: dict[RunIndex, str] = {}
        self.workspace = Workspace(project)
        self._dvc_recorder = DvcRecorder(project, session, self.workspace)
        pairs = zip(entry.upstream, upstream, strict=True)
        self._results = [(up.stage, result) for up, result in pairs]
        for i, (stage, result) in enumerate(self._results, -len(self._results)):
            if stage.name and result.outcome is not Outcome.UNCHANGED:
                self._dvc_recorder.adopt(RunIndex(i), stage, result.entry)
        self._inputs = Inputs(project, self.workspace, objects, self._results)
        self._runs_by_key: dict[str, list[LockEntry]] = {}

    def settle(self, index: RunIndex, stage: Stage, *, force: bool) -> Outcome | None:
        """Decide without data; if the command must run, download its inputs."""
        task = self._entry.tasks[index]
        reader = _PodStateReader(self._inputs, self.workspace, task)
        action, result, change = settle_by_results(
            stage,
            reader,
            force=force,
            runs=self._runs,
            available=lambda entry: stage.is_local and self._objects.has(stage, entry),
        )
        self._reasons[index] = FORCED if force else str(change or "")
        if result is not None:
            self._finish(index, stage, result)
            return result.outcome
        self._inputs.download_inputs(task, index)
        if action is NextAction.ASK:
            self._inputs.download_own_outs(task, index, stage.outs)  # DVC reads the outs themselves
            outcome = self._dvc_recorder.ask_dvc(index, stage, force=force)
            if outcome is not None:
                entry = self._dvc_recorder.entries.get(index, stage.lock or {})
                self._keep(index, stage, outcome, entry)
                return outcome
        else:
            dvc_stage.clear(self._project, stage)
        self._inputs.make_folders(stage)
        self._inputs.make_links(task)
        self._count_bytes(index)
        return None

    def record(self, index: RunIndex, stage: Stage, *, finish: bool) -> object:
        """Record the stage, upload its outs, and store its result last."""
        entry = self._dvc_recorder.record(index, stage, finish=finish)
        self._keep(index, stage, Outcome.RAN, entry)
        return entry

    @property
    def last(self) -> Result:
        """The result of the stage that ended last."""
        return self._results[-1][1]

    def reason(self, index: RunIndex) -> str:
        """Return why the stage is not up to date; empty if only DVC knows."""
        return self._reasons.get(index, "")

    def entry(self, index: RunIndex) -> LockEntry:
        """Return the recorded dvc.lock entry of the stage; empty if there is none."""
        return self._dvc_recorder.entry(index)

    def forget(self, index: RunIndex) -> None:
        """Record nothing for the stage, because it has failed."""
        self._dvc_recorder.forget(index)

    def publish(self) -> None:
        """Write the results of this pod's stages into its dvc.lock, which commands may read."""
        self._dvc_recorder.publish()

    def publish_due_s(self) -> float | None:
        """Return in how many seconds `publish` is due; None: there is nothing to write."""
        return self._dvc_recorder.publish_due_s()

    @property
    def unpublished(self) -> Collection[RunIndex]:
        """The indexes of the stages that are recorded but not yet written to dvc.lock."""
        return self._dvc_recorder.unpublished

    def close(self) -> None:
        """Do nothing: everything is written."""

    def _keep(self, index: RunIndex, stage: Stage, outcome: Outcome, entry: LockEntry) -> None:
        if outcome is Outcome.UNCHANGED:
            self._finish(index, stage, Result(stage.address, Outcome.UNCHANGED, entry))
            return
        file_modes = modes(self._project.root, stage, entry)  # before DVC changes any
        self._objects.keep_uncached(stage, entry)
        self._objects.send(stage, entry)
        run_file = self._project.cache / run_path(entry)
        # The run cache does not store modes: programs in a folder would no longer be executable.
        if leaves_run(stage) and not _has_programs(file_modes) and run_file.exists():
            remote = self._objects.default
            remote.put(remote.path(run_path(entry)), run_file.read_bytes())
        self._finish(index, stage, Result(stage.address, outcome, entry, file_modes))

    def _finish(self, index: RunIndex, stage: Stage, result: Result) -> None:
        self._count_bytes(index)
        execution = replace(self._tracer.execution(index), reason=self.reason(index))
        seconds = execution.command_s if result.outcome is Outcome.RAN else None
        result = replace(
            result,
            seconds=None if seconds is None else round(seconds, 3),
            execution=execution,
        )
        self._store.put_result(stage, result)
        self._results.append((stage, result))
        if result.outcome is Outcome.RAN:
            self._inputs.add_outs(stage)

    def _count_bytes(self, index: RunIndex) -> None:
        """Count what was transferred since the last call for this stage: one stage has its turn."""
        pulled, pushed = self._objects.transferred_bytes
        self._tracer.transferred(
            index, pulled - self._counted_bytes[0], pushed - self._counted_bytes[1]
        )
        self._counted_bytes = (pulled, pushed)

    def _runs(self, key: str) -> list[LockEntry]:
        if key not in self._runs_by_key:
            self._runs_by_key[key] = self._objects.default.runs(key)
        return self._runs_by_key[key]


def _has_programs(file_modes: Modes) -> bool:
    """Return whether a file inside a folder is executable."""
    inside = (item for out in file_modes.values() for item in out.items())
    return any(path and mode & stat.S_IXUSR for path, mode in inside)


class _PodStateReader:
    """The state of files as if all data were here; implements `planning.changes.StateReader`."""

    def __init__(self, inputs: Inputs, workspace: Workspace, task: TaskStage) -> None:
        self._inputs, self._workspace = inputs, workspace
        self._intact = task.intact
        self._pointers = lock_pointers(task.stage.lock, "outs")

    def dep(self, dep: Dependency) -> Pointer | None:
        pointer, is_touched = self._inputs.find(dep.at)
        if pointer is not None:
            return pointer
        if is_touched:
            self._inputs.download(dep.at)
        return self._workspace.dep(dep)

    def out(self, out: Output) -> Pointer | None:
        return self._pointers.get(out.path) if out.path in self._intact else None

    def values(self, params: Params) -> Mapping[str, Any] | None:
        self._inputs.download(params.at)
        return self._workspace.values(params)

    def kept(self, _pointer: Pointer) -> bool:
        return True  # the client has checked the intact outs, and `out` finds no others
