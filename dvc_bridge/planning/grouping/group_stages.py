"""Group stages that share a pod.

A pod costs seconds and a layer of pods costs more, so stages are merged if the run does not take
longer. Groups are convex: no path between two stages of one group leads through another group,
and the graph of the groups has no cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import Number, StagePosition, TaskNumber, numbered
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.critical_path import UNKNOWN_S
from dvc_bridge.planning.graph import topological
from dvc_bridge.planning.grouping import fusion, split
from dvc_bridge.planning.grouping.cost_model import Costs, WorkUnits, merge_units, only, wall_s

__all__ = ["Costs", "Group", "Node", "group_stages", "predicted_wall_s"]


@dataclass(frozen=True, slots=True)
class Node:
    """A stage that needs a pod.

    Parameters
    ----------
    position
        Its position in the pipeline.
    waits_for
        Positions of the nodes whose results it needs.
    seconds
        The earlier duration of its command; None: unknown.
    mutexes
        The words that it holds while it runs: mutexes, and shares of limits.
    """

    position: StagePosition
    waits_for: tuple[StagePosition, ...]
    seconds: float | None
    pod: Resources
    mutexes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """The stages of one pod.

    Parameters
    ----------
    number
        The number, from 0; a group comes after the groups that it waits for.
    positions
        In DVC's order.
    needs
        Numbers of the groups whose results it needs, without those that another of them needs.
    after
        Numbers of the groups that must end before, successfully or not: they share a mutex.
    """

    number: TaskNumber
    positions: tuple[StagePosition, ...]
    needs: tuple[TaskNumber, ...]
    pod: Resources
    after: tuple[TaskNumber, ...] = ()


def group_stages(nodes: Sequence[Node], fuse: Fuse, costs: Costs) -> list[Group]:
    """Merge stages into groups with equal settings.

    Parameters
    ----------
    nodes
        The stages in DVC's order: a stage comes after the stages that it waits for.

    Notes
    -----
    The predicted wall time with AUTO is at most that with CHAINS, which is at most that with NONE.
    AUTO stays within `costs.pods` if the run does not take longer.
    """
    units = _build_units(nodes, costs)
    if fuse is not Fuse.NONE:
        units = fusion.chains(units)
    if fuse is Fuse.AUTO:
        units = fusion.fuse_units(units, costs)
    return _build_groups(nodes, [sorted(members) for members in units.members])


def predicted_wall_s(groups: Sequence[Group], nodes: Sequence[Node], costs: Costs) -> float:
    """Predict the seconds from the first pod to the end of the last pod."""
    merged_units = _units_of_groups(groups, nodes, costs)
    parts = split.cut(merged_units.before, costs.part_pods or max(1, len(groups)))
    # The last task of a part, which starts the next part, is a layer too.
    walls = [wall_s(only(merged_units, pods), costs) for pods in parts]
    return sum(walls) + costs.layer_s * max(0, len(walls) - 1)


def occupied_s(groups: Sequence[Group], nodes: Sequence[Node], costs: Costs) -> list[float]:
    """Predict the seconds that the pod of each group takes, by its number."""
    return [costs.pod_s + inside for inside in _units_of_groups(groups, nodes, costs).inside_s()]


def _units_of_groups(groups: Sequence[Group], nodes: Sequence[Node], costs: Costs) -> WorkUnits:
    """Return the work of each group as one unit; the groups come in the order of their numbers."""
    index = {node.position: i for i, node in enumerate(nodes)}
    label = [0] * len(nodes)
    for group in groups:
        for position in group.positions:
            label[index[position]] = group.number
    return merge_units(_build_units(nodes, costs), label)[0]


def _build_units(nodes: Sequence[Node], costs: Costs) -> WorkUnits:
    durations = [node.seconds for node in nodes if node.seconds is not None]
    default_s = median(durations) if durations else UNKNOWN_S
    index = {node.position: i for i, node in enumerate(nodes)}
    before = [[index[p] for p in node.waits_for] for node in nodes]
    for later, earlier in _order_mutexes(nodes):
        before[later].append(earlier)
    seconds = [costs.stage_s + (default_s if n.seconds is None else n.seconds) for n in nodes]
    return WorkUnits(
        members=[[i] for i in range(len(nodes))],
        before=[sorted(edges) for edges in _reduce_edges(before)],
        pods=[node.pod for node in nodes],
        path_s=seconds,
        work_s=list(seconds),
    )


def _order_mutexes(nodes: Sequence[Node]) -> Iterable[tuple[int, int]]:
    """Yield pairs (later, earlier) of stages with one mutex, which run in DVC's order.

    That order agrees with the dependencies of the stages, so it adds no cycle.
    """
    last: dict[str, int] = {}
    for i, node in enumerate(nodes):
        for mutex in node.mutexes:
            if mutex in last:
                yield i, last[mutex]
            last[mutex] = i


def _reduce_edges(before: Sequence[Iterable[Number]]) -> list[set[Number]]:
    """Return the transitive reduction: of a -> b -> c and a -> c, drop the latter.

    Sets of ancestors are bit masks, which are deleted when they are no longer needed.
    """
    edges = [set(upstream) for upstream in before]
    pending_uses = [0] * len(edges)
    for upstream in edges:
        for predecessor in upstream:
            pending_uses[predecessor] += 1
    ancestors: dict[int, int] = {}
    for i, upstream in enumerate(edges):
        above = 0
        for predecessor in upstream:
            above |= ancestors[predecessor]
        reach = above
        for predecessor in list(upstream):
            reach |= 1 << predecessor
            if above >> predecessor & 1:
                upstream.discard(predecessor)
            pending_uses[predecessor] -= 1
            if not pending_uses[predecessor]:
                del ancestors[predecessor]
        if pending_uses[i]:
            ancestors[i] = reach
    return edges


def _build_groups(nodes: Sequence[Node], parts: Sequence[Sequence[int]]) -> list[Group]:
    part_of = {i: part for part, members in enumerate(parts) for i in members}
    index = {node.position: i for i, node in enumerate(nodes)}
    needs = [
        {part_of[index[p]] for i in members for p in nodes[i].waits_for} - {part}
        for part, members in enumerate(parts)
    ]
    order = [set(upstream) for upstream in needs]
    for later, earlier in _order_mutexes(nodes):
        if part_of[later] != part_of[earlier]:
            order[part_of[later]].add(part_of[earlier])
    part_order = topological(order, [members[0] for members in parts])
    number = {part: n for n, part in numbered(TaskNumber, part_order)}
    renumbered = [{number[p] for p in needs[part]} for part in part_order]
    direct_order = _reduce_edges([{number[p] for p in order[part]} for part in part_order])
    direct_needs = _reduce_edges(renumbered)
    return [
        Group(
            n,
            tuple(nodes[i].position for i in parts[part]),
            tuple(sorted(direct_needs[n])),
            nodes[parts[part][0]].pod,
            tuple(sorted(direct_order[n] - renumbered[n])),
        )
        for n, part in numbered(TaskNumber, part_order)
    ]
