"""Whether results made elsewhere are what the stages here would make, by all that they declare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dvc_bridge.pipeline.result import RAN, RESTORED, UNCHANGED, Modes, Result
from dvc_bridge.pipeline.stage import (
    Dependency,
    LockEntry,
    Output,
    Params,
    Pipeline,
    Pointer,
    Stage,
    overlap,
)
from dvc_bridge.planning.changes import StateReader, UndecidedError, changes, locked


def same_shape(stage: Stage, entry: LockEntry) -> bool:
    """Whether a result is one of the stage as dvc.yaml has it now."""
    return (
        entry.get("cmd") == stage.cmd
        and {dep.path for dep in stage.deps} == set(locked(entry, "deps"))
        and {out.path for out in stage.outs} == set(locked(entry, "outs"))
        and {params.key for params in stage.params} == set(entry.get("params") or {})
    )


def incompatible(
    pipeline: Pipeline, order: Sequence[int], results: Mapping[str, Result], look: StateReader
) -> dict[str, tuple[str, ...]]:
    """Give, by address, why results are not those of the stages here; nothing of those that are.

    Parameters
    ----------
    order
        Positions in DVC's order.
    look
        The workspace. Where a stage reads what another result brings, that is what counts; where
        it reads data that is not here, what its .dvc file or dvc.lock says.
    """
    found: dict[str, tuple[str, ...]] = {}
    known: dict[str, Pointer] = {}
    for stage in pipeline.stages:
        pointers = locked(stage.lock or {}, "outs")
        known.update((out.at, pointers[out.path]) for out in stage.outs if out.path in pointers)
    brought: dict[str, Pointer] = {}
    for position in order:
        stage = pipeline.stages[position]
        result = results.get(stage.address)
        if result is None or not result.good:
            continue
        if why := tuple(_reasons(stage, result.entry, _After(look, brought, known, result.entry))):
            found[stage.address] = why
        else:
            brought.update(result.outs(stage))
    for address in results.keys() - {stage.address for stage in pipeline.stages}:
        found[address] = ("dvc.yaml has no such stage",)
    return found


def as_local(
    pipeline: Pipeline,
    results: Mapping[str, Result],
    look: StateReader,
    modes_of: Callable[[Stage, LockEntry], Modes],
) -> dict[str, Result]:
    """Return the results with what becomes of each in this project, whatever it was in the run's.

    UNCHANGED is what dvc.lock has and whose outs are here, or at least those of git.

    Parameters
    ----------
    modes_of
        Gives the modes of a stage's outs in the workspace, as `Result.modes` has them.
    """
    stages = {stage.address: stage for stage in pipeline.stages}
    seen = {}
    for address, result in results.items():
        stage = stages[address]
        same = result.entry == stage.lock and _outs_stand(stage, look)
        if same and (result.outcome != RAN or modes_of(stage, result.entry) == result.modes):
            seen[address] = replace(result, outcome=UNCHANGED)
        else:
            outcome = RESTORED if result.outcome == UNCHANGED else result.outcome
            seen[address] = replace(result, outcome=outcome)
    return seen


def _outs_stand(stage: Stage, look: StateReader) -> bool:
    try:
        gone = {change.name for change in changes(stage, look) if change.what == "out"}
        return not gone or any(not out.cached and out.path not in gone for out in stage.outs)
    except UndecidedError:
        return True  # a merge looks at each out once more


def _reasons(stage: Stage, entry: LockEntry, look: StateReader) -> Iterator[str]:
    if not same_shape(stage, entry):
        yield "its cmd, or the names of its deps, params or outs, are others"
        return
    try:
        for change in changes(replace(stage, lock=entry), look):
            # Not a number is none that it equals, and yet the same parameter as there.
            same = repr(change.old) == repr(change.new)
            if change.what == "dep" or (change.what == "param" and not same):
                yield str(change)
    except UndecidedError:
        return  # outside of the project: DVC itself looks there, when it is asked next


class _After:
    """The workspace with the results before a stage in it; implements `plan.decide.StateReader`."""

    def __init__(
        self,
        now: StateReader,
        brought: Mapping[str, Pointer],
        known: Mapping[str, Pointer],
        entry: LockEntry,
    ) -> None:
        self._now, self._brought, self._known = now, brought, known
        self._read = locked(entry, "deps")

    def dep(self, dep: Dependency) -> Pointer | None:
        if dep.at in self._brought:
            return self._brought[dep.at]
        if any(overlap(dep.at, at) for at in self._brought):
            return self._read.get(dep.path)  # what is inside of an out comes and goes with it
        return self._now.dep(dep) or self._known.get(dep.at)

    def out(self, _out: Output) -> Pointer | None:
        raise UndecidedError  # what is there now does not matter

    def values(self, params: Params) -> Mapping[str, Any] | None:
        return self._now.values(params)

    def kept(self, _pointer: Pointer) -> bool:
        raise UndecidedError
