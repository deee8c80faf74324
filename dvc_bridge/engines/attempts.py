"""Runs with several attempts, of which each has only the tasks that were not done."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from dvc_bridge.engines.base import RunRecord, TaskSpec
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import RunStatus


def task_record(task: TaskSpec) -> dict[str, Any]:
    """Return what the record of an attempt keeps of a task, whatever the engine."""
    return {
        "number": task.number,
        "reference": task.reference,
        "stages": list(task.stages),
        "upstream": list(task.upstream),
        "after": list(task.after),
        "retries": task.resources.retries,
    }


def next_attempt(
    run: str, record: RunRecord, tasks: Collection[TaskNumber], names: Collection[str]
) -> RunRecord:
    """Return the record of an attempt with some of the tasks, under a name that is not used."""
    attempt = next(name for n in count(1) if (name := f"{run}-r{n}") not in names)
    return {**record, "attempt": attempt, "tasks": list(_remaining(record["tasks"], tasks))}


def _remaining(
    described: Sequence[Mapping[str, Any]], tasks: Collection[TaskNumber]
) -> Iterable[Mapping[str, Any]]:
    for task in described:
        if task["number"] in tasks:
            waits = {key: [n for n in task[key] if n in tasks] for key in ("upstream", "after")}
            yield {**task, **waits}


def merge_attempts(attempts: Sequence[RunStatus]) -> RunStatus:
    """Return the attempts of a run, the oldest first, as one status."""
    newest = attempts[-1]
    tasks = {task.task: task for attempt in attempts for task in attempt.tasks}
    return RunStatus(
        newest.run,
        newest.phase,
        newest.message,
        attempts[0].created,
        attempts[0].started,
        newest.finished,
        tuple(tasks[number] for number in sorted(tasks)),
        attempts[0].stages,
    )


def merge_runs(attempts: Iterable[RunStatus]) -> list[RunStatus]:
    """Return the runs of these attempts, which come with the oldest first, by their creation."""
    by_run: dict[str, list[RunStatus]] = {}
    for status in attempts:
        by_run.setdefault(status.run, []).append(status)
    return sorted(map(merge_attempts, by_run.values()), key=lambda status: str(status.created))
