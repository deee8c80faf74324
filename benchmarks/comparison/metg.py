"""METG(50 %): the shortest task for which a toolchain is still 50 % efficient (Task Bench).

Efficiency is the time that the graph needs on the cores without any overhead, divided by the time
that the toolchain needs. Everything counts as overhead, the start of the toolchain included.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

EFFICIENCY = 0.5
# Work of a METG search starts with this, in seconds per task, where no overhead can be seen.
LEAST_S = 1e-5


def next_task_s(empty_wall_s: float, n_rounds: int) -> float:
    """Return the seconds of work per task for which a run should be half overhead.

    Parameters
    ----------
    empty_wall_s
        The wall time of the graph without work.
    n_rounds
        How many tasks' durations the graph needs on the cores.
    """
    return max(empty_wall_s / n_rounds, LEAST_S)


def find_metg_s(points: Sequence[tuple[float, float]], n_rounds: int) -> float | None:
    """Return METG(50 %) in seconds from measured points.

    The wall time is taken as linear between the points, and beyond them along the line through
    the last two. None if the toolchain never reaches half of the ideal speed, as one that runs one
    task at a time on two cores.

    Parameters
    ----------
    points
        Two or more of (seconds of work per task, wall seconds), with growing work.
    n_rounds
        How many tasks' durations the graph needs on the cores.

    """
    pairs = list(pairwise(points))
    for (low_s, low_wall_s), (high_s, high_wall_s) in pairs:
        slope = (high_wall_s - low_wall_s) / (high_s - low_s)
        needed = n_rounds / EFFICIENCY - slope
        if needed <= 0:
            continue
        task_s = (low_wall_s - slope * low_s) / needed
        if low_s <= task_s <= high_s or high_s == points[-1][0]:
            return max(task_s, LEAST_S)
    return None
