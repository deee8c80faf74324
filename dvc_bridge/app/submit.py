"""Running stages as tasks of an engine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from dvc_bridge.app.collect import merge_settled, merge_stored
from dvc_bridge.app.context import RunContext
from dvc_bridge.app.current_folder import Warn
from dvc_bridge.app.follow import follow_run
from dvc_bridge.app.run_end import RunEnd, end_of_run
from dvc_bridge.app.run_trace import Origin, trace_run
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.settings import read_unchecked_settings
from dvc_bridge.engines.base import Engine, RunRequest, task_specs
from dvc_bridge.engines.registry import engine_type
from dvc_bridge.errors import UsageError
from dvc_bridge.git.head import head
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ids import RANDOM_BITS, remote_run_name
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.planning.grouping.overhead import measure_overhead, measure_wave_s
from dvc_bridge.planning.grouping.tasks_from_settings import Division, divide_into_tasks
from dvc_bridge.planning.targets import Selection
from dvc_bridge.remote_run.resume import unfinished_tasks, upstream_tasks
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.worker_contract import SnapshotCode, WorkerEnvironment
from dvc_bridge.ui.plan_text import memory_text, predicted_text
from dvc_bridge.ui.view import View


@dataclass(frozen=True)
class Submitted:
    """A run that was started.

    Parameters
    ----------
    run
        The name of the run, for `collect`; empty: no stage needed a task.
    restored
        How many results came from the run cache without a task.
    end
        The outcome of the run; None: the command did not wait for it.
    """

    run: str
    restored: int = 0
    end: RunEnd | None = None


# Returns the view for a number of parallel tasks.
ViewFor = Callable[[int], View]


def submit(
    selection: Selection,
    *,
    engine: str | None = None,
    force: bool = False,
    fuse: Fuse | None = None,
    watch: ViewFor | None = None,
    report: Callable[[str], object],
    warn: Warn,
) -> Submitted:
    """Run the selected stages as tasks of an engine.

    Parameters
    ----------
    engine
        The name of the engine; None: the one in dvc-bridge.yaml.
    fuse
        How stages are grouped into tasks; None: the setting in dvc-bridge.yaml.
    watch
        The view in which to watch the run until it ends, to merge its results then; None: return
        after the start.
    report, warn
        Receive lines about the run, and warnings.

    Raises
    ------
    UsageError
        Stages cannot run as tasks, or settings are missing; nothing was started.
    """
    with (
        _engine_type(engine).prepare(),
        RunContext(selection, force=force, engine=engine, warn=warn) as context,
    ):
        settled = context.prepare()
        if not settled.waiting:
            merged_run = merge_settled(context, settled, "")
            return Submitted("", len(merged_run.merged.taken))
        division = _divide(context, settled, fuse)
        groups = division.groups
        store = context.store_settings()
        connected = context.connect()
        connected.check_stages([forecast.stage.address for forecast in settled.waiting])
        run = remote_run_name(
            context.project.root.name, datetime.now(UTC), secrets.randbits(RANDOM_BITS)
        )
        report(f"predicted: {predicted_text(division)}")
        _announce(context, settled, division, report)
        jobs = [group.pod.jobs for group in groups]
        submission = context.upload(settled, [group.positions for group in groups], jobs, run)
        tasks = task_specs(context.pipeline, groups, submission.references)
        environment = WorkerEnvironment(run, store, SnapshotCode(submission.code))
        record = connected.record(RunRequest(run, tasks, environment))
        origin = Origin(
            connected.name,
            round(time.time(), 4),
            round(division.wall_s, 3) if division.timed else None,
            min(_slots(context), len(groups)),
            head(context.project),
            {str(n): list(choice.memories) for n, choice in division.memory.items()},
            limits_memory=connected.limits_memory,
            raises_memory=connected.raises_memory,
        )
        context.store(run)[0].put_manifest(
            record, submission.code, connected.identity(), asdict(origin)
        )
        attempt = connected.start(record)
        size = f"{counted(len(settled.waiting), 'stage')} in {counted(len(groups), 'task')}"
        report(f"run {run}: {size}")
        if watch is None:
            return Submitted(run)
        view = watch(min(_slots(context), len(groups)))
        task_stages = [[context.pipeline.stages[p] for p in group.positions] for group in groups]
        upstream = [task.upstream for task in tasks]
        status = follow_run(context, connected, attempt, run, task_stages, upstream, view)
        merged_run = merge_settled(context, settled, run)
        trace = trace_run(
            context, run, origin, merged_run.results, [task.stages for task in tasks], status
        )
        context.keep_memory(trace, context.store(run)[1])
        _note_overhead(context, division, merged_run.results, status)
    return Submitted(run, end=end_of_run(merged_run, run, status))


def resume(
    run: str,
    *,
    engine: str | None = None,
    watch: ViewFor | None = None,
    report: Callable[[str], object],
    warn: Warn,
) -> Submitted:
    """Run the unfinished tasks of a run again, with its code and its plan.

    Parameters
    ----------
    run
        The name of the run.
    engine
        The name of the engine; None: the one on which the run was started.
    watch, report, warn
        As for `submit`.

    Raises
    ------
    UsageError
        The run is still running, or the remote does not have it.
    """
    with RunContext(engine=engine, warn=warn) as context:
        context.use_engine_of(run)
        connected = context.connect()
        _check_ended(connected.attempts(run), run)
        store, objects = context.store(run)
        plan = store.plan()
        if plan is None:
            raise store.unknown()
        numbers = unfinished_tasks(plan, store, objects)
        if not numbers:
            report(f"every stage of run {run} is done")
            if watch is None:
                return Submitted(run)
            merged_run, status = merge_stored(context, run, checkout=True)
            return Submitted(run, end=end_of_run(merged_run, run, status))
        record = connected.resume(run, store.manifest(), numbers)
        attempt = connected.start(record)
        report(f"run {run}: {len(numbers)} of {len(plan)} tasks, as {attempt}")
        if watch is None:
            return Submitted(run)
        view = watch(min(_slots(context), len(numbers)))
        stages = [[task.stage for task in planned.tasks] for planned in plan]
        done = {planned.number for planned in plan} - set(numbers)
        status = follow_run(
            context, connected, attempt, run, stages, upstream_tasks(plan), view, done=done
        )
        merged_run, _ = merge_stored(context, run, checkout=True, status=status)
    return Submitted(run, end=end_of_run(merged_run, run, status))


def _slots(context: RunContext) -> int:
    return context.engine_type.costs(context.settings).slots


def _engine_type(name: str | None) -> type[Engine]:
    if name is None:
        check_version()
        name = read_unchecked_settings(find_project()).engine
    return engine_type(name)


def _check_ended(attempts: Sequence[RunStatus], run: str) -> None:
    if any(not attempt.ended for attempt in attempts):
        raise UsageError(f"run {run} has not ended", f"dvc-bridge stop {run}, or wait")


def _divide(context: RunContext, settled: Settled, fuse: Fuse | None) -> Division:
    waiting = [forecast.position for forecast in settled.waiting]
    seconds = context.seconds(settled)
    costs = context.engine_type.costs(context.settings)
    last_costs = History(context.project).costs_of_last_run(context.engine_type.name, costs)
    return divide_into_tasks(
        context.pipeline,
        waiting,
        context.settings,
        seconds,
        costs,
        fuse,
        last_costs=last_costs,
        seen=context.seen_memory(settled),
    )


def _note_overhead(
    context: RunContext, division: Division, results: Mapping[str, Result], status: RunStatus
) -> None:
    """Record what the tasks of a run cost, for later predictions."""
    seconds = {r.address: r.seconds for r in results.values() if r.seconds is not None}
    took_s = {
        task.task: (task.finished - task.started).total_seconds()
        for task in status.tasks
        if task.started and task.finished and task.attempts == 1
    }
    costs = context.engine_type.costs(context.settings)
    factor = measure_overhead(context.pipeline, division, costs, seconds, took_s)
    times = [
        (task.started.timestamp(), task.finished.timestamp())
        for task in status.tasks
        if task.started and task.finished
    ]
    wave_s = measure_wave_s(times, costs.slots)
    History(context.project).keep_costs(context.engine_type.name, factor, wave_s)


def _announce(
    context: RunContext,
    settled: Settled,
    division: Division,
    report: Callable[[str], object],
) -> None:
    reasons = {forecast.position: forecast.reasons for forecast in settled.waiting}
    for group in division.groups:
        for position in group.positions:
            why = "; ".join(reasons[position]) or "runs only if its inputs change"
            report(f"g{group.number}  {context.pipeline.stages[position].address}: {why}")
        if choice := division.memory.get(group.number):
            report(f"g{group.number}  {memory_text(choice)}")
