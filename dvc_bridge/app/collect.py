"""Merging the results of a remote run into dvc.lock and the workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dvc_bridge.app.context import RunContext
from dvc_bridge.app.current_folder import Warn
from dvc_bridge.app.merged_run import MergedRun
from dvc_bridge.app.run_end import RunEnd, end_of_run
from dvc_bridge.app.run_trace import Origin, trace_run
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.task import PlannedTask


def collect(run: str, *, checkout: bool = True, warn: Warn) -> RunEnd:
    """Merge the results of a run that are in the remote.

    Parameters
    ----------
    run
        The run's name.
    checkout
        Whether to update the outs in the workspace too, not only dvc.lock.
    warn
        Receives each warning.

    Raises
    ------
    UsageError
        The remote has no such run, or another process uses an out that would be replaced.
    """
    with RunContext(warn=warn) as context:
        merged_run, status = merge_stored(
            context, run, checkout=checkout, ask=lambda: _status(context, run)
        )
    return end_of_run(merged_run, run, status)


def _status(context: RunContext, run: str) -> RunStatus | None:
    context.use_engine_of(run)
    try:
        return context.connect().status(run)
    except BridgeError:  # it no longer has the run, or cannot be reached
        return None


def merge_settled(context: RunContext, settled: Settled, run: str) -> MergedRun:
    """Merge the results so far of a run that was submitted here, and those that needed no task."""
    store, objects = context.store(run)
    results = dict(settled.results)
    if settled.waiting:
        results.update(store.results(forecast.stage for forecast in settled.waiting))
    expected = [forecast.stage.address for forecast in settled.waiting]
    return MergedRun(context.merge(results, objects), results, expected)


def merge_stored(
    context: RunContext,
    run: str,
    *,
    checkout: bool,
    status: RunStatus | None = None,
    ask: Callable[[], RunStatus | None] = lambda: None,
) -> tuple[MergedRun, RunStatus | None]:
    """Merge the results of any submitted run, according to its plan, and write its trace.

    A run of a manifest from `convert` has no plan: its results are those of the current stages.

    Parameters
    ----------
    status
        The status of the run at the engine, for the trace; None: unknown.
    ask
        Asks the engine for the status of a run that has not all results.
    """
    store, objects = context.store(run)
    plan = store.plan()
    results = _results(context, store, plan, with_upstream=True)
    expected = store.stage_addresses(plan)
    merged = context.merge(results, objects, checkout=checkout)
    tasks = [[task.stage.address for task in planned.tasks] for planned in plan or ()]
    origin = Origin.of(store.origin(), results.values())
    merged_run = MergedRun(merged, results, expected)
    if status is None and not merged_run.is_whole:
        status = ask()
    trace = trace_run(context, run, origin, results, tasks, status)
    context.keep_memory(trace, objects)
    return merged_run, status


def stored_results(
    context: RunContext, run: str, *, with_upstream: bool = True
) -> dict[str, Result]:
    """Return the results of a run that are in the remote so far.

    Parameters
    ----------
    with_upstream
        Whether to include stages outside the run whose outs it read.

    Raises
    ------
    UsageError
        The remote does not have the run.
    """
    store, _ = context.store(run)
    return _results(context, store, store.plan(), with_upstream=with_upstream)


def _results(
    context: RunContext, store: Store, plan: Sequence[PlannedTask] | None, *, with_upstream: bool
) -> dict[str, Result]:
    if plan is None:
        results = store.results(context.pipeline.stages[p] for p in context.order)
        if not results and store.stage_addresses(None) is None:
            raise store.unknown()
        if not results:
            raise UsageError(
                f"no stage of run {store.run} has a result", f"dvc-bridge logs {store.run} says why"
            )
        return results
    upstream = [up for entry in plan for up in entry.upstream if with_upstream]
    results = store.known()
    results.update({up.stage.address: up.result for up in upstream if up.result is not None})
    results.update(store.results(task.stage for entry in plan for task in entry.tasks))
    return results
