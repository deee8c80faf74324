"""Where the time of a run went: the phases of its stages, and its critical path."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dvc_bridge.pipeline.task_times import upstream_tasks
from dvc_bridge.pipeline.trace import Execution, RunTrace, StageTrace


@dataclass(frozen=True, slots=True)
class Phases:
    """The phases of a stage, in seconds.

    Parameters
    ----------
    waiting
        Everything that it waits for had ended, but no job was free, or a mutex was held.
    dispatch
        The engine started its task: a pod, a job or a process.
    work
        Its commands ran.
    bookkeeping
        Its inputs were checked and pulled, its outs were hashed, stored and pushed.
    """

    waiting: float = 0.0
    dispatch: float = 0.0
    work: float = 0.0
    bookkeeping: float = 0.0

    def __add__(self, other: Phases) -> Phases:
        """Return the sum of each phase."""
        return Phases(
            self.waiting + other.waiting,
            self.dispatch + other.dispatch,
            self.work + other.work,
            self.bookkeeping + other.bookkeeping,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A stage that has run, with the ends of its phases in seconds since 1970."""

    place: int
    stage: StageTrace
    execution: Execution
    queued: float
    started: float
    command_started: float
    command_ended: float
    ended: float
    is_dispatched: bool

    @property
    def phases(self) -> Phases:
        """How long each phase took."""
        before = max(0.0, self.started - self.queued)
        work = self.command_ended - self.command_started
        return Phases(
            0.0 if self.is_dispatched else before,
            before if self.is_dispatched else 0.0,
            work,
            max(0.0, self.ended - self.started - work),
        )


def spans(trace: RunTrace) -> list[Span]:
    """Return the stages that did something, in the order of their start."""
    firsts: dict[int | None, float] = {}
    for stage in trace.stages:
        if stage.task is not None and stage.execution:
            first = firsts.get(stage.task, stage.execution.started)
            firsts[stage.task] = min(first, stage.execution.started)
    found = [
        _span(place, stage, stage.execution, trace, firsts.get(stage.task))
        for place, stage in enumerate(trace.stages)
        if stage.execution is not None and stage.outcome != "up to date"
    ]
    return sorted(found, key=lambda span: (span.started, span.place))


def _span(
    place: int, stage: StageTrace, execution: Execution, trace: RunTrace, first: float | None
) -> Span:
    known = (execution.ended, trace.ended, execution.command_started, execution.started)
    ended = max(next(at for at in known if at is not None), execution.started)
    command_started = _or(execution.command_started, ended)
    command_ended = max(_or(execution.command_ended, ended), command_started)
    queued = min(_or(stage.queued, execution.started), execution.started)
    return Span(
        place,
        stage,
        execution,
        queued,
        execution.started,
        command_started,
        command_ended,
        ended,
        # A step of Metaflow is a task with one stage.
        first == execution.started if stage.task is not None else trace.engine == "metaflow",
    )


def _or(moment: float | None, otherwise: float) -> float:
    return otherwise if moment is None else moment


def critical_path(trace: RunTrace, found: Sequence[Span]) -> list[Span]:
    """Return the chain that ended last: each stage waited for the one before it.

    The first stage of a task waits for all stages of the tasks upstream, and the other stages wait
    for those before them in the task. Each stage of the chain is queued from the end of the one
    before it, so that no time counts twice.
    """
    by_place = {span.place: span for span in found}
    by_task: dict[int, list[Span]] = {}
    for other in sorted(found, key=_end_order):
        if other.stage.task is not None:
            by_task.setdefault(other.stage.task, []).append(other)
    upstream = upstream_tasks(trace.stages)
    path: dict[int, Span] = {}
    span = max(found, key=_end_order, default=None)
    while span is not None and span.place not in path:
        path[span.place] = span
        previous = [*_busy_upstream(trace, span.place, by_place)]
        if (task := span.stage.task) is not None:
            if span.is_dispatched:
                previous += [by_task[up][-1] for up in upstream[task] if up in by_task]
            else:
                previous += _last_before(span, by_task[task])
        span = max(previous, key=_end_order, default=None)
    chain = [*path.values()][::-1]
    later = [
        replace(span, queued=min(max(span.queued, before.ended), span.started))
        for before, span in pairwise(chain)
    ]
    return [*chain[:1], *later]


def _last_before(span: Span, by_end: Sequence[Span]) -> Sequence[Span]:
    """Return the stage that ended last before this one started, if there is one."""
    count = bisect_right(by_end, span.started, key=lambda other: other.ended)
    return [other for other in by_end[max(0, count - 2) : count] if other is not span][-1:]


def _end_order(span: Span) -> tuple[float, int]:
    return span.ended, -span.place


def _busy_upstream(trace: RunTrace, place: int, by_place: Mapping[int, Span]) -> Iterator[Span]:
    """Yield the nearest stages upstream that did something; unchanged stages are passed over."""
    pending, visited = list(trace.stages[place].waits_for), set[int]()
    while pending:
        up = pending.pop()
        if up in by_place:
            yield by_place[up]
        elif up not in visited:
            visited.add(up)
            pending.extend(trace.stages[up].waits_for)


def total(found: Iterable[Span]) -> Phases:
    """Return the phases of all stages together."""
    return sum((span.phases for span in found), Phases())


def lanes(found: Sequence[Span]) -> list[list[Span]]:
    """Return the stages in as few rows as possible, without overlap within a row."""
    rows: list[list[Span]] = []
    for span in found:
        free = next((row for row in rows if row[-1].ended <= span.started), None)
        if free is None:
            rows.append([span])
        else:
            free.append(span)
    return rows
