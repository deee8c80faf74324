"""The costs of a run that has ended: what its tasks took beyond the commands of their stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.grouping.group_stages import Costs, occupied_s
from dvc_bridge.planning.grouping.tasks_from_settings import Division

# A few seconds that a clock or a scheduler adds must not make a prediction absurd.
LEAST, MOST = 0.2, 20.0


def measure_overhead(
    pipeline: Pipeline,
    division: Division,
    costs: Costs,
    seconds: Mapping[str, float],
    took_s: Mapping[TaskNumber, float],
) -> float | None:
    """Return how many times the overhead in `costs` the tasks of a run had; None: unknown.

    Parameters
    ----------
    seconds
        How long the commands of the stages that ran took in this run, by address.
    took_s
        How long each task took from start to end.
    """
    nodes = [
        replace(node, seconds=seconds.get(pipeline.stages[node.position].address))
        for node in division.nodes
    ]
    known = {node.position for node in nodes if node.seconds is not None}
    all_s = occupied_s(division.groups, nodes, costs)
    commands_s = occupied_s(division.groups, nodes, costs.with_overhead(0))
    complete = [
        group.number
        for group in division.groups
        if group.number in took_s and known.issuperset(group.positions)
    ]
    expected_s = sum(all_s[number] - commands_s[number] for number in complete)
    if not expected_s:
        return None
    actual_s = sum(took_s[number] - commands_s[number] for number in complete)
    return min(MOST, max(LEAST, actual_s / expected_s))


def measure_wave_s(times: Sequence[tuple[float, float]], slots: int) -> float | None:
    """Return how long a slot stayed free between two tasks; None: no task waited for a slot.

    Parameters
    ----------
    times
        When each task started and ended.
    slots
        How many tasks run at a time.
    """
    starts = sorted(started for started, _ in times)[slots:]
    ends = sorted(ended for _, ended in times)
    free_s = [max(0.0, start - end) for start, end in zip(starts, ends, strict=False)]
    return median(free_s) if free_s else None
