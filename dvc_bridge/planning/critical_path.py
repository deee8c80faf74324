"""The shortest possible duration of a run, from earlier durations of its stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.stage import StageKind
from dvc_bridge.planning.forecast import RUNNING, Forecast

# The assumed duration of a stage if none of the run was ever timed: only the counts matter then.
UNKNOWN_S = 1.0


@dataclass(frozen=True, slots=True)
class Timeline:
    """The longest chain of stages that wait for each other.

    Parameters
    ----------
    path
        Its positions, first to last.
    path_s, work_s
        The duration of the chain, and of all stages one after the other.
    commands, timed
        How many commands may run, and how many of them have an earlier duration; the others are
        assumed to take the median of these durations.
    """

    path: tuple[StagePosition, ...]
    path_s: float
    work_s: float
    commands: int
    timed: int

    @property
    def speed_up(self) -> float:
        """How many times faster a parallel run can be than a sequential run."""
        return self.work_s / self.path_s if self.path_s else 1.0


def assumed_s(durations: Sequence[float]) -> float:
    """Return the assumed seconds of a stage that was never timed: the median of the others."""
    if not durations:
        return UNKNOWN_S
    from statistics import median  # noqa: PLC0415  its import takes 3 ms

    return median(durations)


def timeline(forecasts: Sequence[Forecast], seconds: Mapping[str, float]) -> Timeline:
    """Find the critical path among the stages that run or may run.

    Parameters
    ----------
    seconds
        Earlier durations of the stages' commands, by address.
    """
    running = [
        f
        for f in forecasts
        if f.verdict in RUNNING
        and f.stage.kind is not StageKind.DATA
        and not f.stage.frozen  # only recorded, like data
    ]
    durations = [seconds[f.stage.address] for f in running if f.stage.address in seconds]
    default = assumed_s(durations)
    ends: dict[StagePosition, float] = {}
    previous: dict[StagePosition, StagePosition | None] = {}
    for item in running:  # in order: a stage comes after the stages that it waits for
        latest = max(filter(ends.__contains__, item.waits_for), key=ends.__getitem__, default=None)
        begin = 0.0 if latest is None else ends[latest]
        ends[item.position] = begin + seconds.get(item.stage.address, default)
        previous[item.position] = latest
    path: list[StagePosition] = []
    position: StagePosition | None = max(ends, key=lambda p: ends[p], default=None)
    while position is not None:
        path.append(position)
        position = previous[position]
    work_s = sum(seconds.get(f.stage.address, default) for f in running)
    path_s = max(ends.values(), default=0.0)
    return Timeline(tuple(reversed(path)), path_s, work_s, len(running), len(durations))
