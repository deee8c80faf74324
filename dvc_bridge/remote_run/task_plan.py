"""The tasks in the plan of a remote run, and the data that pods need before they start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.listing import part_of
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    LockItem,
    Pointer,
    item_path,
    lock_items,
    lock_paths,
    lock_pointers,
    pointer_of,
    with_outs,
)
from dvc_bridge.pipeline.numbering import StagePosition, TaskNumber, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import (
    Dependency,
    Output,
    Params,
    Pipeline,
    Stage,
    lock_file,
    overlap,
)
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.forecast import RUNNING, Forecast, Verdict
from dvc_bridge.planning.graph import in_graph_order
from dvc_bridge.remote_run.task import PlannedTask, TaskStage, Upstream


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


@dataclass(frozen=True)
class Settled:
    """What is known about a run before its first pod.

    Parameters
    ----------
    results
        The results of the stages that do not need a pod, by address.
    waiting
        The forecasts of the stages that need a pod, in DVC's order.
    here
        The positions of stages without a command, which are brought up to date here.
    """

    results: Mapping[str, Result]
    waiting: tuple[Forecast, ...]
    here: tuple[StagePosition, ...]


def settle(project: Project, pipeline: Pipeline, forecasts: Sequence[Forecast]) -> Settled:
    """Sort the stages of a run into those that need a pod and those that do not.

    Raises
    ------
    UsageError
        Some stages cannot run, or cannot run in pods; one message lists all of them.
    """
    problems = [
        f"{f.stage.address}: {'; '.join(f.reasons)}"
        for f in forecasts
        if f.verdict is Verdict.FAILS
    ]
    results, waiting, here = {}, [], []
    locks, workspace = _lock_files(pipeline), Workspace(project)
    for prediction in forecasts:
        stage = prediction.stage
        if prediction.verdict in RUNNING:
            if stage.for_pods:
                problems += _reasons_against_pods(
                    project, pipeline, prediction.position, locks, workspace
                )
                waiting.append(prediction)
            else:
                here.append(prediction.position)
        elif prediction.verdict is Verdict.UP_TO_DATE:
            results[stage.address] = _unchanged(project, stage)
        elif prediction.verdict is Verdict.RUN_CACHE:
            entry = prediction.result or stage.lock or {}
            results[stage.address] = Result(stage.address, Outcome.RESTORED, entry)
    workspace.hashes.save()
    if problems:
        raise UsageError("\n".join(problems), "fix these stages, or select others")
    return Settled(results, tuple(waiting), tuple(here))


def positions_for_pods(
    project: Project, pipeline: Pipeline, order: Sequence[StagePosition]
) -> list[StagePosition]:
    """Return the positions of the stages with commands, all of which can run in pods.

    Raises
    ------
    UsageError
        A stage cannot run in a pod, or no stage has a command.
    """
    stages = pipeline.stages
    positions = [p for p in order if stages[p].for_pods]
    locks, workspace = _lock_files(pipeline), Workspace(project)
    problems = [
        text
        for position in positions
        for text in _reasons_against_pods(project, pipeline, position, locks, workspace)
    ]
    if problems:
        raise UsageError("\n".join(problems), "fix these stages, or select others")
    if not positions:
        raise UsageError("none of these stages has a command to run", "dvc stage list --all")
    return positions


def _reasons_against_pods(
    project: Project,
    pipeline: Pipeline,
    position: StagePosition,
    locks: frozenset[str],
    workspace: Workspace,
) -> Iterable[str]:
    """Yield the reasons why a stage cannot run in a pod; none if it can.

    Parameters
    ----------
    locks
        The paths of all lock files of the project.
    """
    stage, base = pipeline.stages[position], project.git_root or project.root
    produced = [out.at for up in pipeline.upstream[position] for out in pipeline.stages[up].outs]
    for read in stage.reads:
        if not read.at.strip("./"):
            yield f"{stage.address}: it reads the whole project, including what other stages write"
        elif read.at in locks:
            yield f"{stage.address}: it reads {read.path}, which each stage changes in its pod"
        elif (
            "://" not in read.at
            and not any(overlap(read.at, at) for at in produced)
            and (not (project.root / read.at).resolve().is_relative_to(base))
        ):
            yield f"{stage.address}: {read.path} is outside the project, so pods do not have it"
    pointers = lock_pointers(stage.lock, "outs")
    for out in stage.outs:
        if not out.local and "://" not in out.at:
            yield f"{stage.address}: {out.path} is outside the project, so pods do not have it"
        elif out.persist and _differs(workspace, out, pointers.get(out.path)):
            yield f"{stage.address}: {out.path} persists and differs from dvc.lock; dvc commit it"


def _differs(workspace: Workspace, out: Output, recorded: Pointer | None) -> bool:
    """Return whether an out exists and is not what dvc.lock records."""
    try:
        current = workspace.out(out, large=True)
    except UndecidedError:
        return True
    return current is not None and current.get("md5") != (recorded or Pointer({})).get("md5")


def _lock_files(pipeline: Pipeline) -> frozenset[str]:
    return frozenset(lock_file(file) for file in {s.file for s in pipeline.stages if s.name})


def _unchanged(project: Project, stage: Stage) -> Result:
    entry = stage.lock or {}
    return Result(stage.address, Outcome.UNCHANGED, entry, modes(project.root, stage, entry))


def plan_tasks(
    pipeline: Pipeline,
    settled: Settled,
    groups: Sequence[Sequence[StagePosition]],
    state: RemoteState,
    *,
    root: str,
    git: bool,
    force: bool,
    jobs: Sequence[int],
    mutexes: Sequence[frozenset[str]],
) -> list[PlannedTask]:
    """Return the task of each group of positions, with its stages in the order of the graph."""
    waiting = {prediction.position for prediction in settled.waiting}
    dvc = version("dvc")  # reads a file
    tasks = []
    for number, group in numbered(TaskNumber, groups):
        positions = in_graph_order(pipeline, group)
        upstream = {up for p in positions for up in pipeline.upstream[p]} - set(positions)
        addresses = {pipeline.stages[p].address for p in positions}
        tasks.append(
            PlannedTask(
                number,
                tuple(_task(pipeline.stages[p], state) for p in positions),
                tuple(
                    _upstream(pipeline.stages[p], settled, p in waiting, state)
                    for p in sorted(upstream)
                ),
                dvc,
                root,
                git,
                force,
                jobs[number],
                tuple(tuple(sorted(g & addresses)) for g in mutexes if len(g & addresses) > 1),
            )
        )
    return tasks


def _task(stage: Stage, state: RemoteState) -> TaskStage:
    links = frozenset(out.path for out in stage.outs if state.is_link_to_folder(out))
    return TaskStage(stage, frozenset(_intact(stage, state)), links)


def _intact(stage: Stage, state: RemoteState) -> Iterable[str]:
    pointers = lock_pointers(stage.lock, "outs")
    for out in stage.outs:
        pointer = pointers.get(out.path)
        if pointer is None or not out.local:
            continue
        try:
            current = state.out(out, large=True)
        except UndecidedError:  # for example, a named pipe
            continue
        is_equal = current is not None and current.get("md5") == pointer.get("md5")
        if is_equal and (not out.cached or state.kept(pointer)):
            yield out.path


def _upstream(stage: Stage, settled: Settled, is_waiting: bool, state: RemoteState) -> Upstream:
    if is_waiting:
        return Upstream(stage, None)
    result = settled.results.get(stage.address)
    if result is None and set(_intact(stage, state)) != lock_paths(stage.lock, "outs"):
        if stage.lock and all(
            state.out(out, large=True) is None for out in stage.outs if out.cached
        ):
            raise UsageError(
                f"the remote does not have the data of {stage.address}",
                f"dvc push {stage.address} where the data is, then start the run again",
            )
        raise UsageError(
            f"{stage.address} is not part of this run, and its outs differ from dvc.lock",
            "add it to the targets, or dvc commit it",
        )
    return Upstream(stage, result or Result(stage.address, Outcome.UNCHANGED, stage.lock or {}))


def inputs_to_upload(tasks: Sequence[PlannedTask]) -> list[tuple[Stage, LockEntry]]:
    """Return the outs that pods may read and no pod produces: they are uploaded before the run."""
    entries: dict[str, tuple[Stage, LockEntry]] = {}
    for entry in tasks:
        for up in entry.upstream:
            if up.result is not None:
                entries[up.stage.address] = (up.stage, up.result.entry)
        for task in entry.tasks:
            items = lock_items(task.stage.lock, "outs")
            if intact := [item for item in items if item_path(item) in task.intact]:
                entries[task.stage.address] = (task.stage, with_outs({}, intact))
    return list(entries.values())
