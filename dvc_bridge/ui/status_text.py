"""The runs of an engine, as a table and as JSON (`status.schema.json`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import RunStatus, TaskStatus

SCHEMA = 1
WAITING, NEVER = "Waiting", "Never begun"


def runs_text(states: Sequence[RunStatus], now: datetime) -> str:
    """Return a table with a line for each run."""
    rows = [(s.run, s.phase, _duration(s.started, s.finished, now), s.message) for s in states]
    return _table(("run", "phase", "took", ""), rows) if rows else "no runs"


def runs_json(states: Sequence[RunStatus]) -> dict[str, Any]:
    """Return the runs without their tasks."""
    return {"schema": SCHEMA, "runs": [_run(state) for state in states]}


def run_text(state: RunStatus, now: datetime) -> str:
    """Return a table with a line for each task, including tasks that have not started."""
    rows = [
        (
            f"g{n}",
            task.phase,
            _duration(task.started, task.finished, now),
            _stages(state, n),
            _details(task),
        )
        if task
        else (f"g{n}", _phase_before_start(state), "", _stages(state, n), "")
        for n, task in _tasks_by_number(state)
    ]
    duration = _duration(state.started, state.finished, now)
    head = "  ".join(filter(None, (state.run, state.phase, duration, state.message)))
    return f"{head}\n{_table(('group', 'phase', 'took', 'stages', ''), rows)}" if rows else head


def run_json(
    state: RunStatus, failures: Mapping[TaskNumber, tuple[Sequence[str], Sequence[str]]]
) -> dict[str, Any]:
    """Return everything that is known about a run; `pod` is the engine's name of the task.

    Parameters
    ----------
    failures
        For some of the tasks that failed, their failed stages and the last lines of their logs.
    """
    described = [
        {
            "group": number,
            "stages": list(state.stages[number]) if number < len(state.stages) else [],
            "phase": task.phase if task else _phase_before_start(state),
            "message": task.message if task else "",
            "fix": task.fix if task else "",
            "pod": (task.place if task else "") or None,
            "attempts": task.attempts if task else 0,
            "exit_code": task.exit_code if task else None,
            "started": _iso(task.started if task else None),
            "finished": _iso(task.finished if task else None),
            **_failure(failures.get(number)),
        }
        for number, task in _tasks_by_number(state)
    ]
    return {"schema": SCHEMA, **_run(state), "groups": described}


def _failure(failure: tuple[Sequence[str], Sequence[str]] | None) -> dict[str, Any]:
    return {} if failure is None else {"failed": list(failure[0]), "log": list(failure[1])}


def _run(state: RunStatus) -> dict[str, Any]:
    return {
        "run": state.run,
        "phase": state.phase,
        "message": state.message,
        "created": _iso(state.created),
        "started": _iso(state.started),
        "finished": _iso(state.finished),
    }


def _tasks_by_number(state: RunStatus) -> Iterator[tuple[TaskNumber, TaskStatus | None]]:
    tasks = {task.task: task for task in state.tasks}
    for number in sorted({*range(len(state.stages)), *tasks}):
        yield number, tasks.get(number)


def _phase_before_start(state: RunStatus) -> str:
    return NEVER if state.ended else WAITING


def _stages(state: RunStatus, number: TaskNumber) -> str:
    return ", ".join(state.stages[number]) if number < len(state.stages) else ""


def _details(task: TaskStatus) -> str:
    tries = f"{task.attempts} attempts" if task.attempts > 1 else ""
    code = f"exit code {task.exit_code}" if task.exit_code else ""
    # Argo's message about an exit code repeats it.
    message = "" if f"(exit code {task.exit_code})" in task.message else task.message
    fix = f"fix: {task.fix}" if task.fix else ""
    return "; ".join(filter(None, (tries, code, message, fix)))


def _duration(started: datetime | None, finished: datetime | None, now: datetime) -> str:
    if started is None:
        return ""
    seconds = max(0, round(((finished or now) - started).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    )
