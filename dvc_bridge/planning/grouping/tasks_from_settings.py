"""Divide the stages of a run that need pods into groups, by dvc-bridge.yaml and earlier runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.auto_memory import MemoryChoice, SeenMemory, choose_memory
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import StagePosition, TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.exclusion import exclusion_words
from dvc_bridge.planning.forecast import RUNNING, Forecast
from dvc_bridge.planning.grouping.group_stages import (
    Costs,
    Group,
    Node,
    group_stages,
    predicted_wall_s,
)


@dataclass(frozen=True, slots=True)
class Division:
    """Groups of stages, one pod each.

    Parameters
    ----------
    wall_s
        The predicted time from the first pod to the end of the last.
    timed
        How many of the stages have an earlier duration; the others are assumed to take the median.
    nodes
        The stages of the groups, in DVC's order.
    memory
        The memory of the groups with `memory: {auto: ...}`.
    """

    groups: tuple[Group, ...]
    wall_s: float
    timed: int
    nodes: tuple[Node, ...] = ()
    memory: Mapping[TaskNumber, MemoryChoice] = field(default_factory=dict)


def divide_into_tasks(
    pipeline: Pipeline,
    positions: Sequence[StagePosition],
    settings: Settings,
    seconds: Mapping[str, float],
    costs: Costs,
    fuse: Fuse | None = None,
    *,
    last_costs: Costs | None = None,
    seen: Mapping[str, SeenMemory] | None = None,
) -> Division:
    """Divide the stages at `positions`, which must be in DVC's order, into groups.

    Parameters
    ----------
    seconds
        Earlier durations of the stages' commands, by address.
    costs
        The costs of tasks, and their maximum number.
    fuse
        How stages are grouped into tasks; None: the setting in dvc-bridge.yaml.
    last_costs
        The costs of the last run; None: there was none. They change the prediction alone, so
        that equal projects have equal groups.
    seen
        The memory that earlier runs used, by address, for `memory: {auto: ...}`. It does not
        change the groups.

    Raises
    ------
    UsageError
        A stage comes before a stage that makes its deps, which only `--single-item` allows.
    """
    if backward := backward_stages(pipeline, positions):
        raise UsageError(
            "\n".join(backward), "reverse their order; dvc-bridge repro -s accepts any order"
        )
    selected, nodes = set(positions), []
    words = exclusion_words(pipeline, positions, settings)
    for position in positions:
        address = pipeline.stages[position].address
        nodes.append(
            Node(
                position,
                tuple(sorted(set(pipeline.upstream[position]) & selected)),
                seconds.get(address),
                settings.pod(address),
                words[address],
            )
        )
    groups = group_stages(nodes, fuse or settings.argo.fuse, costs)
    timed = sum(node.seconds is not None for node in nodes)
    wall_s = predicted_wall_s(groups, nodes, last_costs or costs)
    memory = {g.number: choice for g in groups if (choice := _memory(pipeline, g, seen or {}))}
    groups = [
        replace(g, pod=g.pod.with_memory(memory[g.number].memories)) if g.number in memory else g
        for g in groups
    ]
    return Division(tuple(groups), wall_s, timed, tuple(nodes), memory)


def _memory(
    pipeline: Pipeline, group: Group, seen: Mapping[str, SeenMemory]
) -> MemoryChoice | None:
    if group.pod.auto_memory is None:
        return None
    addresses = [pipeline.stages[position].address for position in group.positions]
    return choose_memory(group.pod.auto_memory, addresses, seen)


def backward_stages(pipeline: Pipeline, positions: Sequence[StagePosition]) -> list[str]:
    """Return a message for each stage that comes before a stage that makes its deps."""
    index = {position: n for n, position in enumerate(positions)}
    return [
        f"{pipeline.stages[p].address} comes before {pipeline.stages[up].address}, which makes"
        " its deps; pods cannot run in this order"
        for p in positions
        for up in pipeline.upstream[p]
        if index.get(up, -1) > index[p]
    ]


def in_pods(forecasts: Sequence[Forecast]) -> list[StagePosition]:
    """Return the positions of the stages whose commands run or may run."""
    return [item.position for item in forecasts if item.verdict in RUNNING and item.stage.for_pods]
