"""The books of a pod: what its stages need is brought only when a command must run.

The decision is the one of a run here (`plan.step.first_step`); it sees outs of other pods by what
their results say, and a stage that is up to date or in the run cache moves no data at all.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.local.dvc_recorder import DvcRecorder
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.ids import file_name
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import RAN, RESTORED, UNCHANGED, Modes, Result
from dvc_bridge.pipeline.stage import (
    Dependency,
    LockEntry,
    Output,
    Params,
    Pointer,
    Stage,
    overlap,
)
from dvc_bridge.planning.changes import Change, UndecidedError, locked
from dvc_bridge.planning.next_action import NextAction, current_inputs, first_step, leaves_run
from dvc_bridge.planning.run_cache_key import restored_entry, run_cache_key, run_path
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.task import PlannedTask, TaskStage

# The place, among the stages of a pod, of all that comes from other pods.
BEFORE_ALL = -1


class WorkerRecorder:
    """Implements `run.books.Recorder` for the stages of one entry.

    Parameters
    ----------
    before
        Results of the entry's upstream, in its order.
    journal
        Knows how long the commands of this pod took.

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
        before: list[Result],
        objects: Objects,
        store: Store,
        journal: History,
    ) -> None:
        self._project, self._session = project, session
        self._entry, self._objects, self._store = entry, objects, store
        self._journal = journal
        self.workspace = Workspace(project)
        self._ledger = DvcRecorder(project, session, self.workspace)
        pairs = zip(entry.upstream, before, strict=True)
        self._made = [(up.stage, result) for up, result in pairs]
        for place, (stage, result) in enumerate(self._made, -len(self._made)):
            if stage.name and result.outcome != UNCHANGED:
                self._ledger.adopt(place, stage, result.entry)
        self._there: set[str] = set()
        self._cached: dict[str, list[LockEntry]] = {}

    def settle(self, place: int, stage: Stage, *, force: bool) -> Outcome | None:
        """Decide without data; where a command must run, bring what it reads."""
        task = self._entry.tasks[place]
        look = _PodLook(self, task)
        try:
            step, change = first_step(stage, look, force=force, has_runs=self._has_runs)
        except UndecidedError:
            step, change = NextAction.ASK, None
        if step is NextAction.UNCHANGED:
            self._finish(stage, Result(stage.address, UNCHANGED, stage.lock or {}))
            return Outcome.UNCHANGED
        if step is NextAction.ASK and (known := self._known(stage, look, change)):
            self._finish(stage, Result(stage.address, RESTORED, known))
            return Outcome.RESTORED
        self._bring_inputs(task, place)
        if step is NextAction.ASK:
            self._bring_own(task, place, stage.outs)  # DVC looks at the outs themselves
            outcome = self._ledger.ask_dvc(place, stage, force=force)
            if outcome is not None:
                self._keep(stage, outcome, self._ledger.entries.get(place, stage.lock or {}))
                return outcome
        else:
            dvc_stage.clear(self._project, stage)
        self._make_folders(stage)
        self._make_links(task)
        return None

    def record(self, place: int, stage: Stage, *, finish: bool) -> object:
        """Record, send the outs, and say last of all that the stage is done."""
        entry = self._ledger.record(place, stage, finish=finish)
        self._keep(stage, Outcome.RAN, entry)
        return entry

    @property
    def last(self) -> Result:
        """What became of the stage that has ended last."""
        return self._made[-1][1]

    def forget(self, place: int) -> None:
        """The stage has failed: nothing of it is recorded."""
        self._ledger.forget(place)

    def publish(self) -> None:
        """Write what the stages of this pod have left into its dvc.lock: commands may read it."""
        self._ledger.publish()

    def publish_due_s(self) -> float | None:
        """In how many seconds that should be done; None: there is nothing to write."""
        return self._ledger.publish_due_s()

    @property
    def unpublished(self) -> Collection[int]:
        """The places that are recorded, and not written."""
        return self._ledger.unpublished

    def close(self) -> None:
        """Nothing is left to write."""

    def known(self, at: str) -> tuple[Pointer | None, bool]:
        """Return what is at a path that another stage makes, and whether any out touches it."""
        touched = False
        for stage, result in self._made:
            for made, pointer in result.outs(stage).items():
                if made == at:
                    return {k: v for k, v in pointer.items() if k != "path"}, True
                touched = touched or overlap(at, made)
        return None, touched

    def bring(self, at: str) -> None:
        """Bring all outs of others that are at, in or around a path into the workspace."""
        for stage, result in self._made:
            for out in stage.outs:
                if overlap(at, out.at):
                    self._bring_out(stage, result, out, BEFORE_ALL)

    def _bring_out(self, stage: Stage, result: Result, out: Output, place: int) -> None:
        if out.at in self._there:
            return
        pointer = locked(result.entry, "outs").get(out.path)
        if pointer and not self._stands(result, out, pointer):
            entry = {**result.entry, "outs": [pointer]}
            self._objects.fetch([(stage, entry)])
            changed = result.outcome != UNCHANGED
            self._objects.place(stage, entry, result.modes, place, ignore=changed)
        self._there.add(out.at)

    def _stands(self, result: Result, out: Output, pointer: Pointer) -> bool:
        """Whether an out came with the code: git tracks it instead of DVC."""
        if out.cached or result.outcome != UNCHANGED:
            return False
        now = self.workspace.out(out)
        return now is not None and now.get("md5") == pointer.get("md5")

    def _bring_inputs(self, task: TaskStage, place: int) -> None:
        for read in task.stage.reads:
            self.bring(read.at)
        self._bring_own(task, place, [out for out in task.stage.outs if out.persist])

    def _bring_own(self, task: TaskStage, place: int, outs: Iterable[Output]) -> None:
        """Bring what dvc.lock says of the stage's own outs, where the client has them so."""
        if task.stage.lock is None:
            return
        before = Result(task.stage.address, UNCHANGED, task.stage.lock)
        for out in outs:
            if out.path in task.intact:
                self._bring_out(task.stage, before, out, place)

    def _make_folders(self, stage: Stage) -> None:
        """Folders that hold nothing are in no snapshot."""
        root = self._project.root
        for folder in [root / stage.wdir, *((root / out.at).parent for out in stage.outs)]:
            folder.mkdir(parents=True, exist_ok=True)

    def _make_links(self, task: TaskStage) -> None:
        """Have outs that are links to folders for the user be links here too: to empty ones."""
        for out in task.stage.outs:
            link = self._project.root / out.at
            if out.path not in task.links or link.exists():
                continue
            link.unlink(missing_ok=True)  # the user's, which leads nowhere here
            folder = self._project.scratch / "links" / file_name(out.at)
            folder.mkdir(parents=True)
            link.symlink_to(folder)

    def _keep(self, stage: Stage, outcome: Outcome, entry: LockEntry) -> None:
        if outcome is Outcome.UNCHANGED:
            self._finish(stage, Result(stage.address, UNCHANGED, entry))
            return
        found = modes(self._project.root, stage, entry)  # before DVC touches any
        self._objects.keep_uncached(stage, entry)
        self._objects.send(stage, entry)
        kept = self._project.cache / run_path(entry)
        # An entry of the run cache knows no modes: a program in a folder would be none any more.
        if leaves_run(stage) and not _has_programs(found) and kept.exists():
            remote = self._objects.default
            remote.put(remote.path(run_path(entry)), kept.read_bytes())
        if outcome is Outcome.RAN:
            took_s = self._journal.seconds.get(stage.address)
            self._finish(stage, Result(stage.address, RAN, entry, found, seconds=took_s))
        else:
            self._finish(stage, Result(stage.address, RESTORED, entry, found))

    def _finish(self, stage: Stage, result: Result) -> None:
        self._store.put_result(stage, result)
        self._made.append((stage, result))
        if result.outcome == RAN:
            self._there.update(out.at for out in stage.outs)

    def _has_runs(self, key: str) -> bool:
        return bool(self._runs(key))

    def _runs(self, key: str) -> list[LockEntry]:
        if key not in self._cached:
            self._cached[key] = self._objects.default.runs(key)
        return self._cached[key]

    def _known(self, stage: Stage, look: _PodLook, change: Change | None) -> LockEntry | None:
        """Return a result of the run cache whose outs the remotes hold."""
        if not leaves_run(stage) or stage.frozen or not stage.is_local:
            return None
        if change and change.what == "out" and stage.lock and self._objects.has(stage, stage.lock):
            return stage.lock
        inputs = current_inputs(stage, look)
        runs = self._runs(run_cache_key(inputs, [out.path for out in stage.outs]))
        known = next((run for run in runs if self._objects.has(stage, run)), None)
        return known and restored_entry(known, inputs)


def _has_programs(found: Modes) -> bool:
    """Whether a file inside of a folder may be executed."""
    inside = (item for out in found.values() for item in out.items())
    return any(path and mode & stat.S_IXUSR for path, mode in inside)


class _PodLook:
    """Files as they would be if all data were here; implements `plan.decide.StateReader`."""

    def __init__(self, books: WorkerRecorder, task: TaskStage) -> None:
        self._books = books
        self._intact = task.intact
        self._lock: Mapping[str, Any] = locked(task.stage.lock or {}, "outs")

    def dep(self, dep: Dependency) -> Pointer | None:
        pointer, touched = self._books.known(dep.at)
        if pointer is not None:
            return pointer
        if touched:
            self._books.bring(dep.at)
        return self._books.workspace.dep(dep)

    def out(self, out: Output) -> Pointer | None:
        return self._lock.get(out.path) if out.path in self._intact else None

    def values(self, params: Params) -> Mapping[str, Any] | None:
        self._books.bring(params.at)
        return self._books.workspace.values(params)

    def kept(self, pointer: Pointer) -> bool:
        return pointer.get("path") in self._intact
