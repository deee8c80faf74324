"""Check whether results from a remote run match the declarations of the stages here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, lock_paths, lock_pointers
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Modes, Result
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Pipeline, Stage, overlap
from dvc_bridge.planning.changes import StateReader, UndecidedError, changes


def same_shape(stage: Stage, entry: LockEntry) -> bool:
    """Whether a result belongs to the stage as dvc.yaml currently defines it."""
    return (
        entry.get("cmd") == stage.cmd
        and {dep.path for dep in stage.deps} == lock_paths(entry, "deps")
        and {out.path for out in stage.outs} == lock_paths(entry, "outs")
        and {params.key for params in stage.params} == set(entry.get("params") or {})
    )


def find_incompatible(
    pipeline: Pipeline,
    order: Sequence[StagePosition],
    results: Mapping[str, Result],
    reader: StateReader,
) -> dict[str, tuple[str, ...]]:
    """Return, by address, why results do not belong to the stages here; only such results.

    Parameters
    ----------
    order
        Positions in DVC's order.
    reader
        The workspace. If a stage reads an out of another result, that result counts instead; if
        it reads data that is not in the workspace, its .dvc file or dvc.lock counts.
    """
    reasons: dict[str, tuple[str, ...]] = {}
    current_pointers: dict[str, Pointer] = {}
    for stage in pipeline.stages:
        pointers = lock_pointers(stage.lock, "outs")
        current_pointers.update(
            (out.at, pointers[out.path]) for out in stage.outs if out.path in pointers
        )
    result_pointers: dict[str, Pointer] = {}
    for position in order:
        stage = pipeline.stages[position]
        result = results.get(stage.address)
        if result is None or not result.good:
            continue
        state = _StateWithResults(reader, result_pointers, current_pointers, result.entry)
        if result_reasons := tuple(_find_mismatches(stage, result.entry, state)):
            reasons[stage.address] = result_reasons
        else:
            result_pointers.update(result.outs(stage))
    for address in results.keys() - {stage.address for stage in pipeline.stages}:
        reasons[address] = ("there is no such stage in dvc.yaml",)
    return reasons


def drop_outdated(pipeline: Pipeline, results: Mapping[str, Result]) -> dict[str, Result]:
    """Return the results without those of unchanged stages that have other outs in dvc.lock now.

    Such a stage ran here after the run had been submitted: its newer outs count.
    """
    locks = {stage.address: stage.lock for stage in pipeline.stages}
    return {
        address: result
        for address, result in results.items()
        if result.outcome is not Outcome.UNCHANGED
        or lock_pointers(result.entry, "outs") == lock_pointers(locks.get(address), "outs")
    }


def left_out_lines(
    incompatible: Mapping[str, Sequence[str]], merged: Collection[str]
) -> Iterator[str]:
    """Yield a line for each result that the current stages would not produce.

    Parameters
    ----------
    incompatible
        Address -> why the result does not belong to the stage here.
    merged
        The addresses of the stages whose results were merged nevertheless.
    """
    for address, why in incompatible.items():
        what = "its result is merged but out of date"
        if address not in merged:
            what = "its result is left out"
        yield f"{address}: {what}: {'; '.join(why)}"


def as_local(
    pipeline: Pipeline,
    results: Mapping[str, Result],
    reader: StateReader,
    modes_of: Callable[[Stage, LockEntry], Modes],
) -> dict[str, Result]:
    """Return the results with the outcome that each has in this project instead of the run's.

    A result is UNCHANGED if dvc.lock has the same entry and its outs are here, or at least those
    that git tracks.

    Parameters
    ----------
    modes_of
        Returns the modes of a stage's outs in the workspace, in the format of `Result.modes`.
    """
    stages = {stage.address: stage for stage in pipeline.stages}
    local_results = {}
    for address, result in results.items():
        stage = stages[address]
        is_same = result.entry == stage.lock and _are_outs_current(stage, reader)
        if is_same and (
            result.outcome is not Outcome.RAN or modes_of(stage, result.entry) == result.modes
        ):
            local_results[address] = replace(result, outcome=Outcome.UNCHANGED)
        else:
            outcome = Outcome.RESTORED if result.outcome is Outcome.UNCHANGED else result.outcome
            local_results[address] = replace(result, outcome=outcome)
    return local_results


def _are_outs_current(stage: Stage, reader: StateReader) -> bool:
    try:
        changed_outs = {change.name for change in changes(stage, reader) if change.what == "out"}
        return not changed_outs or any(
            not out.cached and out.path not in changed_outs for out in stage.outs
        )
    except UndecidedError:
        return True  # the merge checks each out again


def _find_mismatches(stage: Stage, entry: LockEntry, reader: StateReader) -> Iterator[str]:
    if not same_shape(stage, entry):
        yield "the stage definition differs (cmd, deps, params or outs)"
        return
    try:
        for change in changes(_with_lock(stage, entry), reader):
            # NaN is not equal to itself, but here it is the same parameter.
            is_same = repr(change.old) == repr(change.new)
            if change.what == "dep" or (change.what == "param" and not is_same):
                yield str(change)
    except UndecidedError:
        return  # outside the project: DVC checks it in its next run


def _with_lock(stage: Stage, entry: LockEntry) -> Stage:
    """Return the stage with an entry that has the parameters of each file under its declared path.

    DVC records `./params.yaml` as `params.yaml`, where it does not find them, so it runs the stage
    each time. If a stage declares both, the record lacks the values of one: they are not compared.
    """
    recorded = entry.get("params") or {}
    declared, values = [], {}
    for params in stage.params:
        known = recorded.get(params.key, {})
        keys = tuple(key for key in params.keys if key in known or not params.lock_path)
        if keys or not params.keys:
            declared.append(replace(params, keys=keys))
            values[params.path] = {key: known[key] for key in keys or known if key in known}
    return replace(stage, params=tuple(declared), lock={**entry, "params": values})


class _StateWithResults:
    """The workspace with the upstream results applied; implements `changes.StateReader`."""

    def __init__(
        self,
        workspace: StateReader,
        result_pointers: Mapping[str, Pointer],
        current_pointers: Mapping[str, Pointer],
        entry: LockEntry,
    ) -> None:
        self._workspace = workspace
        self._result_pointers, self._current_pointers = result_pointers, current_pointers
        self._deps = lock_pointers(entry, "deps")

    def dep(self, dep: Dependency) -> Pointer | None:
        if dep.at in self._result_pointers:
            return self._result_pointers[dep.at]
        if any(overlap(dep.at, path) for path in self._result_pointers):
            return self._deps.get(dep.path)  # a path inside an out comes and goes with the out
        return self._workspace.dep(dep) or self._current_pointers.get(dep.at)

    def out(self, _out: Output) -> Pointer | None:
        raise UndecidedError  # the current out does not matter

    def values(self, params: Params) -> Mapping[str, Any] | None:
        return self._workspace.values(params)

    def kept(self, _pointer: Pointer) -> bool:
        raise UndecidedError
