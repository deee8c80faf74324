"""What a run would do: for every stage whether it runs, and why, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import (
    Dependency,
    LockEntry,
    Output,
    Params,
    Pipeline,
    Pointer,
    Stage,
    StageKind,
    overlap,
)
from dvc_bridge.planning.changes import (
    Change,
    Lost,
    StateReader,
    UndecidedError,
    changes,
    locked,
    losses,
)
from dvc_bridge.planning.next_action import current_inputs, may_restore
from dvc_bridge.planning.run_cache_key import restored_entry, run_cache_key


class Verdict(Enum):
    """What a run would do with a stage."""

    RUNS = "runs"
    MAY_RUN = "may run"  # it depends on what stages before it make
    RUN_CACHE = "run cache"
    UP_TO_DATE = "up to date"
    FAILS = "fails"


# Verdicts of stages whose results are not known before.
RUNNING = (Verdict.RUNS, Verdict.MAY_RUN)


@dataclass(frozen=True, slots=True)
class Forecast:
    """One stage of a run to come.

    Parameters
    ----------
    reasons
        Why it is not up to date; for MAY_RUN, only what is known so far.
    waits_for
        Positions of the stages before it whose results decide or are read.
    result
        The lock entry that the run cache gives; for RUN_CACHE only.
    """

    position: int
    stage: Stage
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    waits_for: tuple[int, ...] = ()
    result: LockEntry | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Sources:
    """What a forecast asks.

    Parameters
    ----------
    look
        The workspace and the cache.
    run
        The result that the run cache would give for a key; None if there is none.
    has_runs
        Whether the run cache holds anything at all.
    ask
        DVC's own reasons to run a stage that only it can judge.
    lost
        What the cache lacks of a pointer, where stages share a cache: the first stage that makes
        such an object brings it back for all.
    """

    look: StateReader
    run: Callable[[str], LockEntry | None]
    has_runs: Callable[[], bool]
    ask: Callable[[Stage], Sequence[str]]
    lost: Lost = field(default=lambda _: frozenset())


def forecast(
    pipeline: Pipeline,
    order: Sequence[int],
    sources: Sources,
    *,
    force: bool = False,
    alone: bool = False,
) -> list[Forecast]:
    """Say what would become of the stages at `order`, in that order.

    Parameters
    ----------
    alone
        Each stands for itself, as with `--single-item`: no failure makes another pointless.
    """
    seen: dict[int, Forecast] = {}
    brought: dict[int, dict[str, Pointer]] = {}  # outs that the run cache would bring
    coming: dict[str, int] = {}  # lost objects: the stage that may bring them back
    for position in order:
        stage = pipeline.stages[position]
        needs = () if alone else pipeline.active(position)
        if lost := [seen[p] for p in needs if p in seen and seen[p].verdict is Verdict.FAILS]:
            names = ", ".join(f.stage.address for f in lost)
            seen[position] = Forecast(
                position, stage, Verdict.FAILS, (f"it needs {names}: that fails",)
            )
            continue
        before = [seen[p] for p in pipeline.upstream[position] if p in seen]
        waits = tuple(f.position for f in before if f.verdict in RUNNING)
        unmade = [out.at for p in waits for out in pipeline.stages[p].outs]
        known = {at: out for f in before for at, out in brought.get(f.position, {}).items()}
        gone = losses(stage, sources.lost)
        bringing = sorted({coming[md5] for md5 in gone if md5 in coming} - set(waits))
        look = _Ahead(sources.look, known, unmade, returns=bool(gone) and gone <= coming.keys())
        found = _one(position, stage, look, sources, force=force)
        result = look.result if found.verdict is Verdict.RUN_CACHE else None
        seen[position] = replace(found, waits_for=(*waits, *bringing), result=result)
        if found.verdict in RUNNING:
            coming.update((md5, position) for md5 in gone - coming.keys())
        if result:
            outs = locked(result, "outs")
            brought[position] = {o.at: outs[o.path] for o in stage.outs if o.path in outs}
    return list(seen.values())


class _UnknownError(UndecidedError):
    """It is not made yet."""


class _Ahead:
    """The workspace as it will be when the stage's turn comes; implements `decide.StateReader`.

    Parameters
    ----------
    known, unmade
        Outs that the run cache brings until then, and paths of outs that are not known before.
    returns
        Whether stages before it may bring back all that the cache has lost of its outs.
    """

    def __init__(
        self,
        now: StateReader,
        known: Mapping[str, Pointer],
        unmade: Sequence[str],
        *,
        returns: bool,
    ) -> None:
        self._now, self._known, self._unmade, self._returns = now, known, unmade, returns
        self.result: LockEntry | None = None

    @property
    def changes(self) -> bool:
        """Whether the stage may find other files than those of now when its turn comes."""
        return bool(self._known or self._unmade or self._returns)

    def dep(self, dep: Dependency) -> Pointer | None:
        if any(overlap(dep.at, at) for at in self._unmade):
            raise _UnknownError
        if dep.at in self._known:
            return self._known[dep.at]
        if any(overlap(dep.at, at) for at in self._known):
            raise _UnknownError
        return self._now.dep(dep)

    def out(self, out: Output) -> Pointer | None:
        return self._now.out(out)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        if any(overlap(params.at, at) for at in (*self._unmade, *self._known)):
            raise _UnknownError
        return self._now.values(params)

    def kept(self, pointer: Pointer) -> bool:
        kept = self._now.kept(pointer)
        if self._returns and not kept:
            raise _UnknownError
        return kept


def _one(position: int, stage: Stage, look: _Ahead, sources: Sources, *, force: bool) -> Forecast:
    try:
        verdict, reasons = _forced(stage, look) if force else _decided(stage, look, sources)
    except UsageError as exc:
        return Forecast(position, stage, Verdict.FAILS, (exc.message,))
    if verdict is Verdict.RUNS and (lost := _missing_data(stage, look)):
        why = f"missing: {', '.join(lost)}; dvc pull {stage.address}"
        return Forecast(position, stage, Verdict.FAILS, (why,))
    return Forecast(position, stage, verdict, reasons)


Decision = tuple[Verdict, tuple[str, ...]]


def _forced(stage: Stage, look: _Ahead) -> Decision:
    why = "asked for with --force"  # DVC records the outs of data and of frozen stages again
    try:
        if stage.cmd and not stage.frozen:
            current_inputs(stage, look)
    except UndecidedError:
        pass
    except UsageError as exc:  # seen by DVC when the command has run
        return Verdict.FAILS, (why, exc.message)
    return Verdict.RUNS, (why,)


def _decided(stage: Stage, look: _Ahead, sources: Sources) -> Decision:
    reasons: list[Change] = []
    try:
        for change in changes(stage, look):
            reasons.append(change)  # noqa: PERF402  kept when an exception comes
        if not reasons:
            return Verdict.UP_TO_DATE, ()
    except UndecidedError:
        if not reasons:
            return _undecided(stage, look, sources)
    told = tuple(map(str, reasons))
    try:
        return _from_cache(stage, look, sources, reasons), told
    except UndecidedError:
        if not look.changes:
            return _undecided(stage, look, sources)
        restorable = may_restore(stage) and sources.has_runs()
        return (Verdict.MAY_RUN if restorable else Verdict.RUNS), told


def _undecided(stage: Stage, look: _Ahead, sources: Sources) -> Decision:
    """Ask DVC, which sees files as they are now: not those that stages before this one make."""
    if look.changes and not stage.frozen:
        return Verdict.MAY_RUN, ()
    told = tuple(sources.ask(stage))
    return (Verdict.RUNS if told else Verdict.UP_TO_DATE), told


def _missing_data(stage: Stage, look: StateReader) -> list[str]:
    """Name the outs that DVC only records, and that are not here to be recorded."""
    if stage.cmd and not stage.frozen:
        return []
    known = locked(stage.lock or {}, "outs")
    fetched = stage.kind is StageKind.IMPORT and not stage.frozen
    if fetched or (stage.kind is StageKind.IMPORT and any("md5" not in p for p in known.values())):
        return []  # DVC brings it from where it is imported
    return [out.path for out in stage.outs if out.local and not _is_here(out, look)]


def _is_here(out: Output, look: StateReader) -> bool:
    try:
        return look.out(out) is not None
    except UndecidedError:
        return True


def _from_cache(stage: Stage, look: _Ahead, sources: Sources, reasons: Sequence[Change]) -> Verdict:
    if stage.frozen or any("://" in dep.at for dep in stage.deps):
        return Verdict.RUNS
    inputs = current_inputs(stage, look)
    only_outs = stage.lock is not None and all(change.what == "out" for change in reasons)
    if may_restore(stage):
        result = stage.lock if only_outs else None
        if result is None or not _all_kept(result, look):
            result = sources.run(run_cache_key(inputs, [out.path for out in stage.outs]))
        if result is not None and _all_kept(result, look):
            look.result = result if only_outs else restored_entry(result, inputs)
            return Verdict.RUN_CACHE
    return Verdict.RUNS


def _all_kept(entry: LockEntry, look: StateReader) -> bool:
    return all(look.kept(out) for out in entry.get("outs") or ())
