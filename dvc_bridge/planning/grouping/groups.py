"""Which stages share a pod.

A pod costs seconds and a layer of pods costs more, so stages are joined where that does not
make the run longer. Groups are convex: no way between two stages of one group leads through
another, and the groups wait for each other without a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.resources import Resources
from dvc_bridge.planning.critical_path import UNKNOWN_S
from dvc_bridge.planning.graph import topological
from dvc_bridge.planning.grouping import fusion, split
from dvc_bridge.planning.grouping.cost_model import Costs, WorkUnits, merge_units, only, wall_s

__all__ = ["Costs", "Group", "Node", "groups_of", "predicted_wall_s"]


@dataclass(frozen=True, slots=True)
class Node:
    """A stage that needs a pod.

    Parameters
    ----------
    position
        Its place in the pipeline.
    waits_for
        Positions of the nodes whose results it needs.
    seconds
        How long its command took before; None: not known.
    mutexes
        Words of which it must be the only one to run.
    """

    position: int
    waits_for: tuple[int, ...]
    seconds: float | None
    pod: Resources
    mutexes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """The stages of one pod.

    Parameters
    ----------
    number
        From 0; a group comes after those that it waits for.
    positions
        In DVC's order.
    needs
        Numbers of the groups whose results it needs and that no other of them needs already.
    after
        Numbers of the groups that must have ended before, well or badly: they share a mutex.
    """

    number: int
    positions: tuple[int, ...]
    needs: tuple[int, ...]
    pod: Resources
    after: tuple[int, ...] = ()


def groups_of(nodes: Sequence[Node], fuse: Fuse, costs: Costs) -> list[Group]:
    """Join stages into groups of equal settings.

    Parameters
    ----------
    nodes
        In DVC's order: a stage comes after those that it waits for.

    Notes
    -----
    With AUTO the predicted wall is at most that with CHAINS, and that at most that with NONE.
    Where it makes no run longer, AUTO stays within `costs.pods`.
    """
    units = _units(nodes, costs)
    if fuse is not Fuse.NONE:
        units = fusion.chains(units)
    if fuse is Fuse.AUTO:
        units = fusion.fuse_units(units, costs)
    return _groups(nodes, [sorted(members) for members in units.members])


def predicted_wall_s(groups: Sequence[Group], nodes: Sequence[Node], costs: Costs) -> float:
    """Predict the seconds from the first pod to the end of the last."""
    place = {node.position: i for i, node in enumerate(nodes)}
    units = _units(nodes, costs)
    label = [0] * len(nodes)
    for group in groups:
        for position in group.positions:
            label[place[position]] = group.number
    whole = merge_units(units, label)[0]
    found = split.cut(whole.before, split.MOST_PODS)
    # The last task of a part, which begins the next, is a layer too.
    walls = [wall_s(only(whole, pods), costs) for pods in found]
    return sum(walls) + costs.layer_s * max(0, len(walls) - 1)


def _units(nodes: Sequence[Node], costs: Costs) -> WorkUnits:
    known = [node.seconds for node in nodes if node.seconds is not None]
    usual = median(known) if known else UNKNOWN_S
    place = {node.position: i for i, node in enumerate(nodes)}
    before = [[place[p] for p in node.waits_for] for node in nodes]
    for later, earlier in _mutex_order(nodes):
        before[later].append(earlier)
    seconds = [costs.stage_s + (usual if n.seconds is None else n.seconds) for n in nodes]
    return WorkUnits(
        members=[[i] for i in range(len(nodes))],
        before=[sorted(kept) for kept in _direct(before)],
        pods=[node.pod for node in nodes],
        path_s=seconds,
        work_s=list(seconds),
    )


def _mutex_order(nodes: Sequence[Node]) -> Iterable[tuple[int, int]]:
    """Return who of one mutex comes after whom: they follow each other in DVC's order.

    That order agrees with what stages wait for, so no circle comes of it.
    """
    last: dict[str, int] = {}
    for i, node in enumerate(nodes):
        for word in node.mutexes:
            if word in last:
                yield i, last[word]
            last[word] = i


def _direct(before: Sequence[Iterable[int]]) -> list[set[int]]:
    """Drop what follows from the rest: of a -> b -> c and a -> c, the latter.

    Sets are bits of whole numbers, and are forgotten when no one can ask for them any more.
    """
    kept = [set(upstream) for upstream in before]
    asked = [0] * len(kept)
    for upstream in kept:
        for other in upstream:
            asked[other] += 1
    ancestors: dict[int, int] = {}
    for i, upstream in enumerate(kept):
        above = 0
        for other in upstream:
            above |= ancestors[other]
        reach = above
        for other in list(upstream):
            reach |= 1 << other
            if above >> other & 1:
                upstream.discard(other)
            asked[other] -= 1
            if not asked[other]:
                del ancestors[other]
        if asked[i]:
            ancestors[i] = reach
    return kept


def _groups(nodes: Sequence[Node], parts: Sequence[Sequence[int]]) -> list[Group]:
    part_of = {i: part for part, members in enumerate(parts) for i in members}
    place = {node.position: i for i, node in enumerate(nodes)}
    needs = [
        {part_of[place[p]] for i in members for p in nodes[i].waits_for} - {part}
        for part, members in enumerate(parts)
    ]
    order = [set(upstream) for upstream in needs]
    for later, earlier in _mutex_order(nodes):
        if part_of[later] != part_of[earlier]:
            order[part_of[later]].add(part_of[earlier])
    turn = topological(order, [members[0] for members in parts])
    number = {part: n for n, part in enumerate(turn)}
    renumbered = [{number[p] for p in needs[part]} for part in turn]
    direct = _direct([{number[p] for p in order[part]} for part in turn])
    need = _direct(renumbered)
    return [
        Group(
            n,
            tuple(nodes[i].position for i in parts[part]),
            tuple(sorted(need[n])),
            nodes[parts[part][0]].pod,
            tuple(sorted(direct[n] - renumbered[n])),
        )
        for n, part in enumerate(turn)
    ]
