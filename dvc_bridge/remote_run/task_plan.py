"""The tasks in the plan of a remote run, and the data that pods need before they start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    item_path,
    lock_items,
    lock_paths,
    lock_pointers,
    with_outs,
)
from dvc_bridge.pipeline.numbering import StagePosition, TaskNumber, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import (
    Pipeline,
    Stage,
)
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.graph import in_graph_order
from dvc_bridge.remote_run.remote_state import RemoteState
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.task import PlannedTask, TaskStage, Upstream


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
