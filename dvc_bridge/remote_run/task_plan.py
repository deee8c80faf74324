"""What a remote run needs before its first pod: the plan's entries, and data where pods find it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from dvc_bridge.dvcio.hashes import md5_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.listing import part_of
from dvc_bridge.dvcio.remotes.transfer import Objects, modes
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.result import RESTORED, UNCHANGED, Result
from dvc_bridge.pipeline.stage import (
    Dependency,
    LockEntry,
    Output,
    Params,
    Pipeline,
    Pointer,
    Stage,
    lock_file,
    overlap,
)
from dvc_bridge.planning.changes import UndecidedError, locked
from dvc_bridge.planning.forecast import RUNNING, Forecast, Verdict
from dvc_bridge.planning.graph import in_graph_order
from dvc_bridge.remote_run.task import PlannedTask, TaskStage, Upstream


class RemoteState:
    """Files as they are here or, where they are not here, in the remote; `plan.decide.StateReader`.

    The remote is asked only for what is missing here: a run with nothing to do asks nothing.
    """

    def __init__(self, here: Workspace, objects: Objects, pipeline: Pipeline) -> None:
        self._here, self._objects = here, objects
        self._locked: dict[str, tuple[Stage, Pointer]] = {}
        for stage in pipeline.stages:
            pointers = locked(stage.lock or {}, "outs")
            self._locked.update(
                (out.at, (stage, pointers[out.path])) for out in stage.outs if out.path in pointers
            )

    def dep(self, dep: Dependency) -> Pointer | None:
        """The file or folder, or what dvc.lock says of an out that is only in the remote."""
        found = self._here.dep(dep)
        return found if found is not None else self._remote(dep.at) or self._part(dep.at)

    def out(self, out: Output) -> Pointer | None:
        """As `dep`."""
        found = self._here.out(out)
        return found if found is not None else self._remote(out.at)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        """The values of a parameters file."""
        return self._here.values(params)

    def kept(self, pointer: Pointer) -> bool:
        """Whether the cache or the remote has it."""
        try:
            if self._here.kept(pointer):
                return True
        except UndecidedError:
            pass
        return self._objects.default.has([str(pointer["md5"])]) != set()

    def is_link_to_folder(self, out: Output) -> bool:
        """Whether the user has linked an out to a folder elsewhere."""
        return self._here.is_link_to_folder(out)

    def _part(self, at: str) -> Pointer | None:
        """What is in a folder that only the remote has."""
        for made, (stage, pointer) in self._locked.items():
            if at.startswith(f"{made}/") and self._remote(made):
                files = self._objects.listing(stage, pointer)
                return part_of(files, at.removeprefix(f"{made}/"))
        return None

    def _remote(self, at: str) -> Pointer | None:
        if at not in self._locked:
            return None
        stage, pointer = self._locked[at]
        if not self._objects.has(stage, {"outs": [pointer]}):
            return None
        return {key: value for key, value in pointer.items() if key != "path"}


@dataclass(frozen=True)
class Settled:
    """What is known of a run before any pod.

    Parameters
    ----------
    results
        Of the stages that need no pod, by address.
    waiting
        Forecasts of those that do, in DVC's order.
    here
        Positions of stages without a command that are brought up to date here.
    """

    results: Mapping[str, Result]
    waiting: tuple[Forecast, ...]
    here: tuple[int, ...]


def settle(project: Project, pipeline: Pipeline, forecasts: Sequence[Forecast]) -> Settled:
    """Sort the stages of a run.

    Raises
    ------
    UsageError
        Stages that cannot run, or not in pods; all of them in one message.
    """
    problems = [
        f"{f.stage.address}: {'; '.join(f.reasons)}"
        for f in forecasts
        if f.verdict is Verdict.FAILS
    ]
    results, waiting, here = {}, [], []
    for found in forecasts:
        stage = found.stage
        if found.verdict in RUNNING:
            if stage.for_pods:
                problems += reasons_against_pods(project, pipeline, found.position)
                waiting.append(found)
            else:
                here.append(found.position)
        elif found.verdict is Verdict.UP_TO_DATE:
            results[stage.address] = _unchanged(project, stage)
        elif found.verdict is Verdict.RUN_CACHE:
            entry = found.result or stage.lock or {}
            results[stage.address] = Result(stage.address, RESTORED, entry)
    if problems:
        raise UsageError("\n".join(problems), "correct these, or name other stages")
    return Settled(results, tuple(waiting), tuple(here))


def positions_for_pods(project: Project, pipeline: Pipeline, order: Sequence[int]) -> list[int]:
    """Return the positions of the stages with commands, all of which can run in pods.

    Raises
    ------
    UsageError
        One cannot, or there is none.
    """
    stages = pipeline.stages
    wanted = [p for p in order if stages[p].for_pods]
    if problems := [said for p in wanted for said in reasons_against_pods(project, pipeline, p)]:
        raise UsageError("\n".join(problems), "correct these, or name other stages")
    if not wanted:
        raise UsageError("none of these stages has a command to run", "dvc stage list --all")
    return wanted


def reasons_against_pods(project: Project, pipeline: Pipeline, position: int) -> Iterable[str]:
    """Say why a stage cannot run in a pod; nothing if it can."""
    stage, base = pipeline.stages[position], project.git_root or project.root
    made = [out.at for up in pipeline.upstream[position] for out in pipeline.stages[up].outs]
    locks = {lock_file(other.file) for other in pipeline.stages if other.name}
    for read in stage.reads:
        if not read.at.strip("./"):
            yield f"{stage.address}: it reads the whole project, and so what others write"
        elif read.at in locks:
            yield f"{stage.address}: it reads {read.path}, which each stage changes in its pod"
        elif (
            "://" not in read.at
            and not any(overlap(read.at, at) for at in made)
            and (not (project.root / read.at).resolve().is_relative_to(base))
        ):
            yield f"{stage.address}: {read.path} lies outside of the project: no pod has it"
    lock = locked(stage.lock or {}, "outs")
    for out in stage.outs:
        path = project.root / out.at
        if not out.local and "://" not in out.at:
            yield f"{stage.address}: {out.path} lies outside of the project: no pod has it"
        if out.persist and path.is_file() and md5_of(path) != lock.get(out.path, {}).get("md5"):
            yield f"{stage.address}: {out.path} persists and is not as dvc.lock says; dvc commit it"


def _unchanged(project: Project, stage: Stage) -> Result:
    entry = stage.lock or {}
    return Result(stage.address, UNCHANGED, entry, modes(project.root, stage, entry))


def plan_tasks(
    pipeline: Pipeline,
    settled: Settled,
    groups: Sequence[Sequence[int]],
    reach: RemoteState,
    *,
    root: str,
    git: bool,
    force: bool,
    jobs: Sequence[int],
    mutexes: Sequence[frozenset[str]],
) -> list[PlannedTask]:
    """Return the plan's entry of each group of positions, its stages in the graph's order."""
    waiting = {found.position: found for found in settled.waiting}
    dvc = version("dvc")  # reads a file
    found = []
    for number, group in enumerate(groups):
        positions = in_graph_order(pipeline, group)
        inside = set(positions)
        above = sorted({up for p in positions for up in pipeline.upstream[p]} - inside)
        addresses = {pipeline.stages[p].address for p in positions}
        found.append(
            PlannedTask(
                number,
                tuple(_task(pipeline.stages[p], reach) for p in positions),
                tuple(_upstream(pipeline.stages[p], settled, p in waiting, reach) for p in above),
                dvc,
                root,
                git,
                force,
                jobs[number],
                tuple(tuple(sorted(g & addresses)) for g in mutexes if len(g & addresses) > 1),
            )
        )
    return found


def _task(stage: Stage, reach: RemoteState) -> TaskStage:
    links = frozenset(out.path for out in stage.outs if reach.is_link_to_folder(out))
    return TaskStage(stage, frozenset(_intact(stage, reach)), links)


def _intact(stage: Stage, reach: RemoteState) -> Iterable[str]:
    pointers = locked(stage.lock or {}, "outs")
    for out in stage.outs:
        pointer = pointers.get(out.path)
        if pointer is None or not out.local:
            continue
        now = reach.out(out)
        same = now is not None and now.get("md5") == pointer.get("md5")
        if same and (not out.cached or reach.kept(pointer)):
            yield out.path


def _upstream(stage: Stage, settled: Settled, waits: bool, reach: RemoteState) -> Upstream:
    if waits:
        return Upstream(stage, None)
    result = settled.results.get(stage.address)
    if result is None and set(_intact(stage, reach)) != set(locked(stage.lock or {}, "outs")):
        raise UsageError(
            f"{stage.address} is no part of this run, and its outs are not as dvc.lock says",
            "name it too, or dvc commit it",
        )
    return Upstream(stage, result or Result(stage.address, UNCHANGED, stage.lock or {}))


def needed(entry_list: Sequence[PlannedTask]) -> list[tuple[Stage, LockEntry]]:
    """Return what the pods may read that no pod makes: outs to be sent before the first."""
    found: dict[str, tuple[Stage, LockEntry]] = {}
    for entry in entry_list:
        for up in entry.upstream:
            if up.result is not None:
                found[up.stage.address] = (up.stage, up.result.entry)
        for task in entry.tasks:
            outs = [
                o for o in (task.stage.lock or {}).get("outs") or () if o["path"] in task.intact
            ]
            if outs:
                found[task.stage.address] = (task.stage, {"outs": outs})
    return list(found.values())
