"""The order of the tasks in the trace of a remote run, and when stages could have started."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from dvc_bridge.pipeline.trace import StageTrace


def upstream_tasks(stages: Sequence[StageTrace]) -> dict[int, set[int]]:
    """Return the tasks that each task waits for."""
    tasks: dict[int, set[int]] = {stage.task: set() for stage in stages if stage.task is not None}
    for stage in stages:
        if stage.task is not None:
            above = {stages[up].task for up in stage.waits_for}
            tasks[stage.task].update(task for task in above if task not in (None, stage.task))
    return tasks


def with_queued(stages: Sequence[StageTrace], submitted: float) -> Iterator[StageTrace]:
    """Yield the stages with the time when they could have started.

    A task waits for the tasks upstream until all their stages have ended.
    """
    ends: dict[int, float] = {}
    for stage in stages:
        if stage.task is not None:
            ends[stage.task] = max([ends.get(stage.task, submitted), *ends_of([stage])])
    upstream = upstream_tasks(stages)
    for stage in stages:
        above = () if stage.task is None else upstream[stage.task]
        own = ends_of(stages[up] for up in stage.waits_for)
        yield replace(stage, queued=max([submitted, *own, *(ends[task] for task in above)]))


def ends_of(stages: Iterable[StageTrace]) -> list[float]:
    """Return when stages ended, without those that have not."""
    executions = [stage.execution for stage in stages]
    return [e.ended for e in executions if e is not None and e.ended is not None]
