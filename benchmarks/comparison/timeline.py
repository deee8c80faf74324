"""Split the time of a run into dispatch, work and bookkeeping, from when its tasks worked.

work.py notes the start and the end of each task in the file that an environment variable names,
on the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

# Seconds in which a task works, from its start to its end.
Interval = tuple[float, float]


def read_intervals(path: Path) -> list[Interval]:
    """Return when each finished task worked; none if no task wrote the file."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    return [(float(start), float(end)) for start, end in (line.split() for line in lines)]


def split_run(intervals: Sequence[Interval], start_s: float, end_s: float) -> Mapping[str, float]:
    """Return seconds of dispatch, work and bookkeeping; they add up to the time of the run.

    Work is the time in which at least one task works. Dispatch is what comes before the first task
    and between tasks; bookkeeping is what comes after the last one. A run without tasks has none.
    """
    if not intervals:
        return {}
    work_s, covered_s = 0.0, start_s
    for first_s, last_s in sorted(intervals):
        work_s += max(last_s - max(first_s, covered_s), 0.0)
        covered_s = max(covered_s, last_s)
    bookkeeping_s = max(end_s - covered_s, 0.0)
    return {
        "dispatch_s": max(covered_s - start_s - work_s, 0.0),
        "work_s": work_s,
        "bookkeeping_s": bookkeeping_s,
    }
