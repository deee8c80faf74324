"""The stages of a run that need pods, divided into groups by dvc-bridge.yaml and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.settings import Settings
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.forecast import RUNNING, Forecast
from dvc_bridge.planning.grouping.groups import (
    Costs,
    Group,
    Node,
    groups_of,
    predicted_wall_s,
)


@dataclass(frozen=True, slots=True)
class Division:
    """Groups of stages, a pod each.

    Parameters
    ----------
    wall_s
        From the first pod to the end of the last, as predicted.
    timed
        How many of the stages have been timed before; the others count as the median of those.
    """

    groups: tuple[Group, ...]
    wall_s: float
    timed: int


def group_stages(
    pipeline: Pipeline,
    positions: Sequence[int],
    settings: Settings,
    seconds: Mapping[str, float],
    costs: Costs,
    fuse: Fuse | None = None,
) -> Division:
    """Divide the stages at `positions`, which are in DVC's order.

    Parameters
    ----------
    seconds
        How long the commands of stages took, by address.
    costs
        What tasks cost, and how many there may be.
    fuse
        How many stages a task may hold; None: as dvc-bridge.yaml says.

    Raises
    ------
    UsageError
        One stands before what makes its deps, as only `--single-item` has it.
    """
    if late := backward_stages(pipeline, positions):
        raise UsageError(
            "\n".join(late), "name them the other way round; dvc-bridge repro -s takes any order"
        )
    known, nodes = set(positions), []
    for position in positions:
        address = pipeline.stages[position].address
        nodes.append(
            Node(
                position,
                tuple(sorted(set(pipeline.upstream[position]) & known)),
                seconds.get(address),
                settings.pod(address),
                settings.mutex_words(address),
            )
        )
    groups = groups_of(nodes, fuse or settings.argo.fuse, costs)
    timed = sum(node.seconds is not None for node in nodes)
    return Division(tuple(groups), predicted_wall_s(groups, nodes, costs), timed)


def backward_stages(pipeline: Pipeline, positions: Sequence[int]) -> list[str]:
    """Say which stages stand before those that make what they read."""
    place = {position: n for n, position in enumerate(positions)}
    return [
        f"{pipeline.stages[p].address} is to run before {pipeline.stages[up].address}, which makes"
        " what it reads: no pod could"
        for p in positions
        for up in pipeline.upstream[p]
        if place.get(up, -1) > place[p]
    ]


def in_pods(forecasts: Sequence[Forecast]) -> list[int]:
    """Return the positions of the stages whose commands run or may run."""
    return [
        found.position for found in forecasts if found.verdict in RUNNING and found.stage.for_pods
    ]
