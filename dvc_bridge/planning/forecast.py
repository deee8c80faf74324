"""Forecast a run: for every stage whether it runs, and why, before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from dvc_bridge.errors import MissingInputError, UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, lock_pointers
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.stage import (
    Output,
    Pipeline,
    Stage,
    StageKind,
)
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.changes import Change, Lost, StateReader, UndecidedError, changes, losses
from dvc_bridge.planning.expected_state import ExpectedState
from dvc_bridge.planning.next_action import current_inputs, may_restore
from dvc_bridge.planning.recorded_data import edited_error, recorded_outs
from dvc_bridge.planning.run_cache_key import restored_entry, run_cache_key


class Verdict(Enum):
    """The expected outcome of a stage."""

    RUNS = "runs"
    MAY_RUN = "may run"  # it depends on outs of upstream stages
    RUN_CACHE = "run cache"
    UP_TO_DATE = "up to date"
    FAILS = "fails"


# Verdicts of stages whose results are not known before the run.
RUNNING = (Verdict.RUNS, Verdict.MAY_RUN)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of one stage.

    Parameters
    ----------
    reasons
        Why it is not up to date; for MAY_RUN, only the reasons that are known so far.
    waits_for
        Positions of the earlier stages whose results it reads or that decide whether it runs.
    result
        The lock entry from the run cache; for RUN_CACHE only.
    """

    position: StagePosition
    stage: Stage
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    waits_for: tuple[StagePosition, ...] = ()
    result: LockEntry | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class DvcDecision:
    """DVC's own decision about a stage.

    Parameters
    ----------
    reasons
        Why the stage is not up to date; empty if it is.
    result
        The lock entry that DVC would restore from the cache; None if the command would run.
    """

    reasons: tuple[str, ...] = ()
    result: LockEntry | None = None


@dataclass(frozen=True)
class Pulls:
    """Missing data that `--pull` downloads.

    Parameters
    ----------
    rule
        The rule by which missing data are no change.
    state
        The state of files as if all missing data were downloaded.
    """

    rule: AllowMissing
    state: StateReader


@dataclass(frozen=True)
class Sources:
    """The sources of information of a forecast.

    Parameters
    ----------
    look
        The state of the workspace and the cache.
    run
        Returns the result that the run cache holds for a key; None if there is none.
    has_runs
        Returns whether the run cache contains any entry.
    ask
        Returns DVC's own decision, for stages that only DVC can decide.
    lost
        Returns the objects of a pointer that the cache lacks, if stages share a cache: the first
        stage that creates such an object restores it for all stages.
    allow_missing
        The rule for missing data; None: they count as changes.
    pulls
        Missing data that `--pull` downloads; None: they stay missing.
    """

    look: StateReader
    run: Callable[[str], LockEntry | None]
    has_runs: Callable[[], bool]
    ask: Callable[[Stage], DvcDecision]
    lost: Lost = field(default=lambda _: frozenset())
    allow_missing: AllowMissing | None = None
    pulls: Pulls | None = None


def forecast(
    pipeline: Pipeline,
    order: Sequence[StagePosition],
    sources: Sources,
    *,
    force: bool = False,
    force_downstream: bool = False,
    alone: bool = False,
) -> list[Forecast]:
    """Forecast the stages at `order`, in that order.

    Parameters
    ----------
    force_downstream
        Whether all stages downstream of a stage that runs do too.
    alone
        Whether stages are independent, as with `--single-item`: a failure skips no other stage.
    """
    renewed: set[StagePosition] = set()  # stages that certainly run or are restored
    forecasts: dict[StagePosition, Forecast] = {}
    restored: dict[StagePosition, dict[str, Pointer]] = {}  # outs that the run cache would restore
    restoring: dict[str, StagePosition] = {}  # lost objects -> the stage that may restore them
    new_outs = False  # whether an earlier stage makes outs of which dvc.lock says nothing
    for position in order:
        stage = pipeline.stages[position]
        needs = () if alone else pipeline.active(position)
        if failing := [
            forecasts[p] for p in needs if p in forecasts and forecasts[p].verdict is Verdict.FAILS
        ]:
            names = ", ".join(f.stage.address for f in failing)
            forecasts[position] = Forecast(
                position, stage, Verdict.FAILS, (f"it needs {names}, which fails",)
            )
            continue
        earlier = [forecasts[p] for p in pipeline.upstream[position] if p in forecasts]
        waits_for = tuple(f.position for f in earlier if f.verdict in RUNNING)
        unknown = [out.at for p in waits_for for out in pipeline.stages[p].outs]
        expected = {
            path: out for f in earlier for path, out in restored.get(f.position, {}).items()
        }
        lost = losses(stage, sources.lost)
        restorers = sorted({restoring[md5] for md5 in lost if md5 in restoring} - set(waits_for))
        state = ExpectedState(
            sources.look,
            expected,
            unknown,
            returns=bool(lost) and (new_outs or lost <= restoring.keys()),
        )
        is_forced = force or (force_downstream and not renewed.isdisjoint(needs))
        stage_forecast = _forecast_stage(position, stage, state, sources, force=is_forced)
        result = state.result if stage_forecast.verdict is Verdict.RUN_CACHE else None
        forecasts[position] = replace(
            stage_forecast, waits_for=(*waits_for, *restorers), result=result
        )
        if stage_forecast.verdict in RUNNING:
            restoring.update((md5, position) for md5 in lost - restoring.keys())
            new_outs = new_outs or (not stage.lock and any(out.cached for out in stage.outs))
        if stage_forecast.verdict in (Verdict.RUNS, Verdict.RUN_CACHE):
            renewed.add(position)
        if result:
            outs = lock_pointers(result, "outs")
            restored[position] = {o.at: outs[o.path] for o in stage.outs if o.path in outs}
        elif state.completes_outs:
            restored[position] = _completed_outs(stage, sources.look)
    return list(forecasts.values())


def _completed_outs(stage: Stage, look: StateReader) -> dict[str, Pointer]:
    """Return the outs of which only a part is here, as they are after the download."""
    recorded = lock_pointers(stage.lock, "outs")
    completed = {}
    for out in stage.outs:
        current = look.out(out)
        if current is not None and out.cached and out.path in recorded:
            pointer = recorded[out.path]
            if current.get("md5") != pointer.get("md5"):
                completed[out.at] = pointer
    return completed


def _forecast_stage(
    position: StagePosition, stage: Stage, state: ExpectedState, sources: Sources, *, force: bool
) -> Forecast:
    try:
        verdict, reasons = _decide_forced(stage, state) if force else _decide(stage, state, sources)
    except UsageError as exc:
        return Forecast(position, stage, Verdict.FAILS, _failure_reasons(exc))
    if verdict is Verdict.RUNS and (missing := _find_missing_data(stage, state)):
        paths = ", ".join(missing)
        reason = f"missing: {paths}; run dvc pull {stage.address}, or use --pull"
        return Forecast(position, stage, Verdict.FAILS, (reason,))
    return Forecast(position, stage, verdict, reasons)


Decision = tuple[Verdict, tuple[str, ...]]


def _decide_forced(stage: Stage, state: ExpectedState) -> Decision:
    reason = "asked for with --force"  # DVC records the outs of data and of frozen stages again
    try:
        if stage.cmd and not stage.frozen:
            current_inputs(stage, state)
    except UndecidedError:
        pass
    except UsageError as exc:  # DVC notices it after the command
        return Verdict.FAILS, (reason, *_failure_reasons(exc))
    return Verdict.RUNS, (reason,)


def _failure_reasons(error: UsageError) -> tuple[str, ...]:
    """Return what is wrong, and what to do."""
    return (error.message, error.fix) if error.fix else (error.message,)


def _decide(stage: Stage, state: ExpectedState, sources: Sources) -> Decision:
    reasons: list[Change] = []
    try:
        for change in changes(stage, state, sources.allow_missing):
            reasons.append(change)  # noqa: PERF402  the list survives an exception
        if not reasons:
            return Verdict.UP_TO_DATE, ()
    except UndecidedError:
        if not reasons:
            return _ask_dvc(stage, state, sources)
    if sources.pulls is not None:
        if _lacks_only_data(stage, state, sources, sources.pulls):
            state.completes_outs = True
            return Verdict.UP_TO_DATE, ()
        state.pull(sources.pulls.state)
    return _decide_changed(stage, state, sources, reasons)


def _decide_changed(
    stage: Stage, state: ExpectedState, sources: Sources, reasons: Sequence[Change]
) -> Decision:
    messages = tuple(map(str, reasons))
    try:
        return _check_run_cache(stage, state, sources, reasons), messages
    except MissingInputError as exc:  # its message names the inputs that are missing
        changed = (str(change) for change in reasons if not change.is_missing_input)
        return Verdict.FAILS, (*changed, *_failure_reasons(exc))
    except UndecidedError:
        if not state.changes:
            return _ask_dvc(stage, state, sources)
        # With --pull, a folder may be complete and so unchanged after the download.
        restorable = may_restore(stage) and sources.has_runs()
        may_not_run = restorable or sources.pulls is not None
        return (Verdict.MAY_RUN if may_not_run else Verdict.RUNS), messages


def _lacks_only_data(stage: Stage, state: ExpectedState, sources: Sources, pulls: Pulls) -> bool:
    """Return whether all that a stage needs is the download of its outs."""
    try:
        if any(True for _ in changes(stage, state, pulls.rule)):
            return False
    except UndecidedError:
        if state.changes or sources.ask(stage).reasons:
            return False
    try:
        _check_edits(stage, sources.look)
        return all(pulls.state.out(out) for out in stage.outs if out.cached)
    except UndecidedError:
        return False


def _check_edits(stage: Stage, look: StateReader) -> None:
    """Refuse to overwrite a file whose content is nowhere else."""
    for recorded in recorded_outs(stage):
        current = look.out(recorded.out)
        if current is None or str(current["md5"]).endswith(".dir"):
            continue
        if current["md5"] != recorded.item.get("md5") and not look.kept(current):
            raise edited_error(recorded.at)


def _ask_dvc(stage: Stage, state: ExpectedState, sources: Sources) -> Decision:
    """Ask DVC, which reads the current files, not the future outs of earlier stages."""
    if state.changes and not stage.frozen:
        return Verdict.MAY_RUN, ()
    decision = sources.ask(stage)
    if not decision.reasons:
        return Verdict.UP_TO_DATE, ()
    state.result = decision.result
    verdict = Verdict.RUNS if decision.result is None else Verdict.RUN_CACHE
    return verdict, decision.reasons


def _find_missing_data(stage: Stage, state: StateReader) -> list[str]:
    """Return the paths of outs that DVC only records and that do not exist in the workspace."""
    if stage.cmd and not stage.frozen:
        return []
    pointers = lock_pointers(stage.lock, "outs")
    fetched = stage.kind is StageKind.IMPORT and not stage.frozen
    if fetched or (
        stage.kind is StageKind.IMPORT and any("md5" not in p for p in pointers.values())
    ):
        return []  # DVC downloads it from its source
    return [out.path for out in stage.outs if out.local and not _exists(out, state)]


def _exists(out: Output, state: StateReader) -> bool:
    try:
        return state.out(out) is not None
    except UndecidedError:
        return True


def _check_run_cache(
    stage: Stage, state: ExpectedState, sources: Sources, reasons: Sequence[Change]
) -> Verdict:
    if stage.frozen or any("://" in dep.at for dep in stage.deps):
        return Verdict.RUNS
    inputs = current_inputs(stage, state)
    only_outs = stage.lock is not None and all(change.what == "out" for change in reasons)
    if may_restore(stage):
        result = stage.lock if only_outs else None
        if result is None or not _are_all_cached(result, state):
            result = sources.run(run_cache_key(inputs, [out.path for out in stage.outs]))
        if result is not None and _are_all_cached(result, state):
            state.result = result if only_outs else restored_entry(result, inputs)
            return Verdict.RUN_CACHE
    return Verdict.RUNS


def _are_all_cached(entry: LockEntry, state: StateReader) -> bool:
    return all(map(state.kept, lock_pointers(entry, "outs").values()))
