"""Runs on the cluster, as a table and as JSON (`status.schema.json`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from dvc_bridge.engines.argo.status import PodState, RunState

SCHEMA = 1
WAITING, NEVER = "Waiting", "Never begun"
Groups = Sequence[Sequence[str]]


def runs_text(states: Sequence[RunState], now: datetime) -> str:
    """Write a line a run."""
    rows = [(s.run, s.phase, _took(s.started, s.finished, now), s.message) for s in states]
    return _table(("run", "phase", "took", ""), rows) if rows else "no runs"


def runs_json(states: Sequence[RunState]) -> dict[str, Any]:
    """Give the runs without their pods."""
    return {"schema": SCHEMA, "runs": [_run(state) for state in states]}


def run_text(state: RunState, groups: Groups, now: datetime) -> str:
    """Write a line a group of stages, those that wait for others too.

    Parameters
    ----------
    groups
        The addresses of each group's stages; the numbers alone are shown of those that are
        missing.
    """
    rows = [
        (f"g{g}", pod.phase, _took(pod.started, pod.finished, now), _named(groups, g), _more(pod))
        if pod
        else (f"g{g}", _unbegun(state), "", _named(groups, g), "")
        for g, pod in _all(state, groups)
    ]
    took = _took(state.started, state.finished, now)
    head = "  ".join(filter(None, (state.run, state.phase, took, state.message)))
    return f"{head}\n{_table(('group', 'phase', 'took', 'stages', ''), rows)}" if rows else head


def run_json(state: RunState, groups: Groups) -> dict[str, Any]:
    """Give all that is known of a run."""
    described = [
        {
            "group": number,
            "stages": list(groups[number]) if number < len(groups) else [],
            "phase": pod.phase if pod else _unbegun(state),
            "message": pod.message if pod else "",
            "pod": (pod.pod if pod else "") or None,
            "attempts": pod.attempts if pod else 0,
            "exit_code": pod.exit_code if pod else None,
            "started": _iso(pod.started if pod else None),
            "finished": _iso(pod.finished if pod else None),
        }
        for number, pod in _all(state, groups)
    ]
    return {"schema": SCHEMA, **_run(state), "groups": described}


def _run(state: RunState) -> dict[str, Any]:
    return {
        "run": state.run,
        "phase": state.phase,
        "message": state.message,
        "created": _iso(state.created),
        "started": _iso(state.started),
        "finished": _iso(state.finished),
    }


def _all(state: RunState, groups: Groups) -> Iterator[tuple[int, PodState | None]]:
    pods = {pod.group: pod for pod in state.pods}
    for number in sorted({*range(len(groups)), *pods}):
        yield number, pods.get(number)


def _unbegun(state: RunState) -> str:
    return NEVER if state.ended else WAITING


def _named(groups: Groups, number: int) -> str:
    return ", ".join(groups[number]) if number < len(groups) else ""


def _more(pod: PodState) -> str:
    tries = f"{pod.attempts} pods" if pod.attempts > 1 else ""
    code = f"exit code {pod.exit_code}" if pod.exit_code else ""
    # Of a code that is not tried again Argo says so, at length; the code says enough.
    said = "" if pod.exit_code and "retryStrategy" in pod.message else pod.message
    return "; ".join(filter(None, (tries, code, said)))


def _took(started: datetime | None, finished: datetime | None, now: datetime) -> str:
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
