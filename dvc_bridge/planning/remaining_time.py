"""How long a run that goes on still takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dvc_bridge.planning.critical_path import assumed_s


def remaining_s(
    left: Mapping[int, float | None],
    followers: Sequence[Sequence[int]],
    elapsed: Mapping[int, float],
    jobs: int,
) -> float:
    """Return the remaining seconds of a run: its longest chain, or all work divided by the jobs.

    Parameters
    ----------
    left
        Index -> duration of the stage, in order; None: unknown, the median is assumed.
    followers
        For each index, the indexes that wait for it.
    elapsed
        Index -> how long a running stage has been running.
    """
    durations = [seconds for seconds in left.values() if seconds is not None]
    default = assumed_s(durations)
    work_s, chains = 0.0, dict[int, float]()
    for index in reversed(tuple(left)):
        seconds = left[index]
        remaining = max(0.0, (default if seconds is None else seconds) - elapsed.get(index, 0.0))
        work_s += remaining
        chains[index] = remaining + max((chains.get(f, 0.0) for f in followers[index]), default=0.0)
    return max(work_s / jobs, *chains.values(), 0.0)
