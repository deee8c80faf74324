"""The trace of a remote run, from the results of its workers and the status of its tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dvc_bridge.app.context import RunContext
from dvc_bridge.local.trace_file import keep_trace
from dvc_bridge.pipeline.numbering import StagePosition, TaskNumber, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.pipeline.result import Result, stage_trace_of
from dvc_bridge.pipeline.run_status import RunStatus, TaskStatus
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.pipeline.task_times import ends_of, with_queued
from dvc_bridge.pipeline.trace import RunTrace, StageTrace, requests_of

# The exit codes of a shell that was killed, and of one whose command was.
_KILLED = (-9, 137)


@dataclass(frozen=True)
class Origin:
    """What `submit` knows of a run and stores with it.

    Parameters
    ----------
    submitted
        Seconds since 1970.
    predicted_s
        How long the run should take; None: no stage was ever timed.
    revision
        The git commit of the code; empty if there is none.
    memory
        Number of a task with `memory: {auto: ...}` -> the memory of each attempt.
    limits_memory, raises_memory
        As in `Engine`.
    """

    engine: str
    submitted: float
    predicted_s: float | None = None
    jobs: int = 1
    revision: str = ""
    memory: Mapping[str, Sequence[str]] = field(default_factory=dict)
    limits_memory: bool = True
    raises_memory: bool = True

    @classmethod
    def of(cls, value: Mapping[str, Any], results: Iterable[Result]) -> Origin:
        """Return what was stored; an older version stored nothing."""
        if value:
            names = cls.__dataclass_fields__
            return cls(**{key: item for key, item in value.items() if key in names})
        starts = [r.execution.started for r in results if r.execution is not None]
        return cls("", min(starts, default=0.0))


def trace_run(
    context: RunContext,
    run: str,
    origin: Origin,
    results: Mapping[str, Result],
    tasks: Sequence[Sequence[str]],
    status: RunStatus | None,
) -> RunTrace:
    """Write the trace of a remote run, as far as it is known, and return it.

    Parameters
    ----------
    tasks
        The addresses of each task's stages.
    status
        The status of the run at the engine; None: unknown.
    """
    task_of = {a: n for n, addresses in numbered(TaskNumber, tasks) for a in addresses}
    order = [
        position
        for position in context.order
        if (address := context.pipeline.stages[position].address) in results or address in task_of
    ]
    places = {position: place for place, position in enumerate(order)}
    states = {task.task: task for task in (status.tasks if status else ())}
    stages: list[StageTrace] = []
    for position in order:
        stage = context.pipeline.stages[position]
        number = task_of.get(stage.address)
        state = None if number is None else states.get(number)
        waits_for = _waits_for(context, position, places)
        resources = context.settings.pod(stage.address)
        if chosen := origin.memory.get(str(number)):
            resources = resources.with_memory(chosen)
        known = _stage_trace(stage, results.get(stage.address), state)
        stages.append(
            replace(
                known,
                waits_for=waits_for,
                task=number,
                requests=requests_of(_in_attempt(resources, known.attempts, origin)),
                killed_bytes=_killed_bytes(known, state, resources, origin),
            )
        )
    stages = [*with_queued(stages, origin.submitted)]
    finished = status.finished.timestamp() if status and status.finished else None
    is_whole = all(address in results for address in task_of)
    trace = RunTrace(
        run,
        origin.engine or context.engine_type.name,
        origin.submitted,
        ended=finished or (max(ends_of(stages), default=None) if is_whole else None),
        jobs=origin.jobs,
        revision=origin.revision,
        predicted_s=origin.predicted_s,
        stages=tuple(stages),
    )
    keep_trace(context.project, trace)
    return trace


def _in_attempt(resources: Resources, attempt: int, origin: Origin) -> Resources:
    """Return the settings of a task in an attempt, counted from 1; 0: unknown, so the first."""
    if not resources.memories:
        return resources
    if not origin.raises_memory:
        return resources.with_memory([resources.memories[-1]])
    number = min(max(1, attempt), len(resources.memories))
    return resources.with_memory([resources.memories[number - 1]])


def _killed_bytes(
    stage: StageTrace, task: TaskStatus | None, resources: Resources, origin: Origin
) -> int:
    """Return the memory at which an attempt was killed because it needed more; 0: none was.

    The kernel kills a command whose pod or job is full; where it kills the worker too, only the
    engine knows.
    """
    if stage.outcome in (Outcome.UNCHANGED.value, Outcome.RESTORED.value):
        return 0
    code = stage.execution.exit_code if stage.execution else None
    if task is not None and task.out_of_memory:
        attempt = task.out_of_memory
    elif code in _KILLED and origin.limits_memory:
        attempt = stage.attempts
    else:
        return 0
    memory = _in_attempt(resources, attempt, origin).memory
    return round(amount(memory)) if memory else 0


def _waits_for(
    context: RunContext, position: StagePosition, places: Mapping[StagePosition, int]
) -> tuple[int, ...]:
    upstream = (places.get(up) for up in context.pipeline.upstream[position])
    return tuple(sorted({up for up in upstream if up is not None and up < places[position]}))


def _stage_trace(stage: Stage, result: Result | None, task: TaskStatus | None) -> StageTrace:
    attempts, reasons = (task.attempts, task.retry_reasons) if task else (0, ())
    if not attempts and result and result.execution:
        attempts = result.execution.attempt or 0
    if result is None:
        has_ended = task is not None and task.phase.is_end
        outcome = Outcome.SKIPPED.value if has_ended else "waiting"
        return StageTrace(
            stage.address,
            outcome,
            attempts=attempts,
            retry_reasons=reasons,
            error=task.message if task else "",
        )
    return replace(stage_trace_of(result), attempts=attempts, retry_reasons=reasons)
