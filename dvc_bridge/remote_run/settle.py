"""The stages of a run that need a task, and those that do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.transfer import modes
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import (
    Pointer,
    lock_pointers,
)
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import (
    Output,
    Pipeline,
    Stage,
    lock_file,
    overlap,
)
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.forecast import RUNNING, Forecast, Verdict


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


def settle(
    project: Project, pipeline: Pipeline, forecasts: Sequence[Forecast], workspace: Workspace
) -> Settled:
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
    locks = _lock_files(pipeline)
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
