"""How long a run takes at best, from how long its stages took before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from dvc_bridge.pipeline.stage import StageKind
from dvc_bridge.planning.forecast import RUNNING, Forecast

# What a stage is taken to last when none of the run has ever been timed: then only counts matter.
UNKNOWN_S = 1.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The longest chain of stages that wait for each other.

    Parameters
    ----------
    path
        Its positions, first to last.
    path_s, work_s
        How long it lasts, and how long all stages last one after the other.
    commands, timed
        How many commands may run, and how many of them have been timed before; the others count
        as the median of those.
    """

    path: tuple[int, ...]
    path_s: float
    work_s: float
    commands: int
    timed: int

    @property
    def speed_up(self) -> float:
        """How many times faster than one after the other a run can be."""
        return self.work_s / self.path_s if self.path_s else 1.0


def timeline(forecasts: Sequence[Forecast], seconds: Mapping[str, float]) -> Timeline:
    """Find the critical path among the stages that run or may run.

    Parameters
    ----------
    seconds
        How long the commands of stages took, by address.
    """
    running = [
        f
        for f in forecasts
        if f.verdict in RUNNING
        and f.stage.kind is not StageKind.DATA
        and not f.stage.frozen  # nothing but recorded, as data is
    ]
    known = [seconds[f.stage.address] for f in running if f.stage.address in seconds]
    default = median(known) if known else UNKNOWN_S
    ends: dict[int, float] = {}
    previous: dict[int, int | None] = {}
    for found in running:  # in order: what a stage waits for comes before it
        latest = max(filter(ends.__contains__, found.waits_for), key=ends.__getitem__, default=None)
        begin = 0.0 if latest is None else ends[latest]
        ends[found.position] = begin + seconds.get(found.stage.address, default)
        previous[found.position] = latest
    path: list[int] = []
    at: int | None = max(ends, key=lambda p: ends[p], default=None)
    while at is not None:
        path.append(at)
        at = previous[at]
    work_s = sum(seconds.get(f.stage.address, default) for f in running)
    path_s = max(ends.values(), default=0.0)
    return Timeline(tuple(reversed(path)), path_s, work_s, len(running), len(known))


def remaining_s(
    left: Mapping[int, float | None],
    followers: Sequence[Sequence[int]],
    elapsed: Mapping[int, float],
    jobs: int,
) -> float:
    """Return how long the rest of a run takes: its longest chain, or all of it over the jobs.

    Parameters
    ----------
    left
        Place -> how long the stage lasts, in order; None: unknown, as long as the median.
    followers
        For each place, the places that wait for it.
    elapsed
        How long the stages that run have been running.
    """
    known = [seconds for seconds in left.values() if seconds is not None]
    usual = median(known) if known else UNKNOWN_S
    work_s, chains = 0.0, dict[int, float]()
    for place in reversed(tuple(left)):
        seconds = left[place]
        rest = max(0.0, (usual if seconds is None else seconds) - elapsed.get(place, 0.0))
        work_s += rest
        chains[place] = rest + max((chains.get(f, 0.0) for f in followers[place]), default=0.0)
    return max(work_s / jobs, *chains.values(), 0.0)
