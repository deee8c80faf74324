"""Merging what a remote run has left into dvc.lock and the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.app.context import RunContext, Warn
from dvc_bridge.app.run_end import RunEnd, end_of_run
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.remote_run.merge import Merged
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.task import PlannedTask
from dvc_bridge.remote_run.task_plan import Settled


@dataclass(frozen=True)
class Collection:
    """What was merged of a run.

    Parameters
    ----------
    results
        By address: those that were there.
    expected
        The stages whose results the run makes; None: that is not known.
    """

    merged: Merged
    results: Mapping[str, Result]
    expected: Sequence[str] | None

    @property
    def is_whole(self) -> bool:
        """Whether all results are there."""
        return self.expected is not None and all(a in self.results for a in self.expected)


def collect(run: str, *, checkout: bool = True, warn: Warn) -> RunEnd:
    """Merge the results of a run, as far as they are in the remote.

    Parameters
    ----------
    run
        The run's name.
    checkout
        Whether outs are brought into the workspace too, not only into dvc.lock.
    warn
        Receives each warning.

    Raises
    ------
    UsageError
        The remote has no such run, or another process uses an out that would be replaced.
    """
    with RunContext(warn=warn) as context:
        found = merge_stored(context, run, checkout=checkout)
        status = None if found.is_whole else _status(context, run)
    return end_of_run(found, run, status)


def _status(context: RunContext, run: str) -> RunStatus | None:
    try:
        return context.connect().status(run)
    except BridgeError:  # it has forgotten the run, or cannot be asked
        return None


def merge_settled(context: RunContext, settled: Settled, run: str) -> Collection:
    """Merge what a run that was submitted here has left so far, and what needed no task."""
    store, objects = context.store(run)
    results = dict(settled.results)
    if settled.waiting:
        results.update(store.results(found.stage for found in settled.waiting))
    expected = [found.stage.address for found in settled.waiting]
    return Collection(context.merge(results, objects), results, expected)


def merge_stored(context: RunContext, run: str, *, checkout: bool) -> Collection:
    """Merge the results of a run that anyone has submitted, by its plan.

    A run of a manifest of `convert` has no plan: its results are those of the stages here.
    """
    store, objects = context.store(run)
    plan = store.plan()
    results = _results(context, store, plan, with_upstream=True)
    expected = store.stage_addresses(plan)
    return Collection(context.merge(results, objects, checkout=checkout), results, expected)


def stored_results(
    context: RunContext, run: str, *, with_upstream: bool = True
) -> dict[str, Result]:
    """Return the results that a run has left in the remote so far.

    Parameters
    ----------
    with_upstream
        Whether stages count too that are not in the run, but made what it read.

    Raises
    ------
    UsageError
        There is no such run.
    """
    store, _ = context.store(run)
    return _results(context, store, store.plan(), with_upstream=with_upstream)


def _results(
    context: RunContext, store: Store, plan: Sequence[PlannedTask] | None, *, with_upstream: bool
) -> dict[str, Result]:
    if plan is None:
        results = store.results(context.pipeline.stages[p] for p in context.order)
        if not results:
            raise store.unknown()
        return results
    upstream = [up for entry in plan for up in entry.upstream if with_upstream]
    results = store.known()
    results.update({up.stage.address: up.result for up in upstream if up.result is not None})
    results.update(store.results(task.stage for entry in plan for task in entry.tasks))
    return results
