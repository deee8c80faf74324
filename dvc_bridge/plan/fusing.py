"""Join units of work into larger ones where that makes the whole no longer."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dvc_bridge.plan.pod_settings import PodSettings

# How often a proposal is cut back to what hurts nobody before it is dropped.
_CUTS = 4
# From here on a finer search would cost the client more than it saves.
_MANY = 3000


@dataclass(frozen=True, slots=True)
class Costs:
    """What pods cost, in seconds, as measured with Argo's default controller.

    Parameters
    ----------
    layer_s
        A pod that waits for another: the controller looks every ten seconds.
    pod_s
        A pod holds its place for so long beside its stages.
    create_s
        Between two pods of which nothing but the controller's own limits holds the second back.
    stage_s
        A stage, beside its command.
    slots
        How many pods run at a time.
    pods
        How many pods one Workflow should hold: the controller walks all of them each time.
    """

    layer_s: float = 10.0
    pod_s: float = 4.0
    create_s: float = 0.1
    stage_s: float = 0.5
    slots: int = 300
    pods: int = 300


@dataclass(frozen=True, slots=True)
class Units:
    """Stages, or groups of them, one entry each; a unit comes after those before it.

    Parameters
    ----------
    members
        Numbers of stages.
    before
        The units that must have ended.
    path_s, work_s
        How long its longest chain of stages takes, and all of them one after the other.
    """

    members: Sequence[Sequence[int]]
    before: Sequence[Sequence[int]]
    pods: Sequence[PodSettings]
    path_s: Sequence[float]
    work_s: Sequence[float]

    def __len__(self) -> int:
        return len(self.members)

    def inside_s(self) -> list[float]:
        """How long each takes in its pod at most, in whatever order its stages are taken."""
        zipped = zip(self.pods, self.path_s, self.work_s, strict=True)
        return [_inside_s(pod.jobs, path, work) for pod, path, work in zipped]


def _inside_s(jobs: int, path_s: float, work_s: float) -> float:
    return work_s / jobs + path_s * (1 - 1 / jobs)


def wall_s(units: Units, costs: Costs) -> float:
    """Predict how long all units take, each in a pod."""
    ends = _ends(units.before, units.inside_s(), costs)
    return max(max(ends, default=0.0), _held_s(units, costs)) + costs.create_s * len(units)


def _held_s(units: Units, costs: Costs) -> float:
    return (costs.pod_s * len(units) + sum(units.inside_s())) / costs.slots


def _ends(before: Sequence[Sequence[int]], inside_s: Sequence[float], costs: Costs) -> list[float]:
    ends: list[float] = []
    for upstream, inside in zip(before, inside_s, strict=True):
        ends.append(max((ends[p] for p in upstream), default=0.0) + costs.layer_s + inside)
    return ends


def chains(units: Units) -> Units:
    """Join units of equal settings that follow each other with nothing beside them."""
    followers = [0] * len(units)
    for upstream in units.before:
        for other in upstream:
            followers[other] += 1
    label = list(range(len(units)))
    for i, upstream in enumerate(units.before):
        if len(upstream) == 1:
            other = upstream[0]
            if followers[other] == 1 and units.pods[other] == units.pods[i]:
                label[i] = label[other]
    return joined(units, label)[0]


def fused(units: Units, costs: Costs) -> Units:
    """Join small units too, as long as the predicted wall does not grow."""
    allowed_s = wall_s(units, costs)
    for propose in (_downward, _beside, _downward):
        factor = 2.0 if len(units) < _MANY else 4.0
        for bound_s in _bounds(units, costs, factor):
            units = _improved(units, propose(units, bound_s), costs)
    return units if len(units) <= costs.pods else _within(units, allowed_s, costs)


def _within(units: Units, allowed_s: float, costs: Costs) -> Units:
    """Join units of one depth until no more are left than a Workflow should hold."""
    if len(set(_rows(units))) > costs.pods:
        return units
    bounds = list(_bounds(units, costs, 1.2))
    least = bisect_left(
        bounds, True, key=lambda bound_s: len(set(_beside(units, bound_s))) <= costs.pods
    )
    fewer, _ = joined(units, _beside(units, bounds[least]))
    return fewer if wall_s(fewer, costs) <= allowed_s else units


def _bounds(units: Units, costs: Costs, factor: float) -> Iterator[float]:
    """Give how long a pod may take: from next to nothing to more than all there is."""
    bound_s, all_s = max(2 * costs.stage_s, 0.1), sum(units.work_s)
    while bound_s < factor * all_s:
        yield bound_s
        bound_s *= factor
    yield bound_s


def _downward(units: Units, bound_s: float) -> list[int]:
    """Propose to join units with what they wait for, while a pod stays within the bound.

    Every unit has a level; it is joined with all units of the highest level before it, or is one
    level above them. So what leads out of a group always leads upwards: there are no circles.
    """
    root = list(range(len(units)))
    level = [0] * len(units)
    path, work = list(units.path_s), list(units.work_s)  # of the group, at its root
    end = list(units.path_s)  # of the longest chain within the group up to this unit

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for i, upstream in enumerate(units.before):
        if not upstream:
            continue
        found = [(find(p), p) for p in upstream]
        top = max(level[r] for r, _ in found)
        near = [(r, p) for r, p in found if level[r] == top]
        roots = sorted({r for r, _ in near})
        chain = units.path_s[i] + max(end[p] for _, p in near)
        longest = max(chain, *(path[r] for r in roots))
        total = units.work_s[i] + sum(work[r] for r in roots)
        equal = all(units.pods[r] == units.pods[i] for r in roots)
        if not equal or _inside_s(units.pods[i].jobs, longest, total) > bound_s:
            level[i] = top + 1
            continue
        into = roots[0]
        for other in (*roots[1:], i):
            root[other] = into
        end[i], path[into], work[into] = chain, longest, total
    return [find(i) for i in range(len(units))]


def _beside(units: Units, bound_s: float) -> list[int]:
    """Propose to join units of one depth, siblings first, while a pod stays within the bound."""
    label = list(range(len(units)))
    inside_s, rows = units.inside_s(), _rows(units)
    filled: dict[tuple[int, PodSettings], tuple[int, float, float]] = {}
    for i in sorted(label, key=lambda i: (rows[i][0], units.before[i], i)):
        if inside_s[i] > bound_s:
            continue
        into, longest, total = filled.get(rows[i], (i, 0.0, 0.0))
        longest, total = max(longest, units.path_s[i]), total + units.work_s[i]
        if _inside_s(units.pods[i].jobs, longest, total) > bound_s:
            into, longest, total = i, units.path_s[i], units.work_s[i]
        filled[rows[i]] = into, longest, total
        label[i] = into
    return label


def _rows(units: Units) -> list[tuple[int, PodSettings]]:
    """Give for each unit what those must have in common that can be joined beside each other."""
    depth: list[int] = []
    for upstream in units.before:
        depth.append(max((depth[p] + 1 for p in upstream), default=0))
    return list(zip(depth, units.pods, strict=True))


def _improved(units: Units, label: list[int], costs: Costs) -> Units:
    """Take what of a proposal makes the whole no longer.

    A part of a proposal is as free of circles as all of it. Joining never adds to the work, so
    only ways through the graph have to be looked at.
    """
    allowed_s = wall_s(units, costs)
    for _ in range(_CUTS if len(units) < _MANY else 2):
        if all(joined_to == i for i, joined_to in enumerate(label)):
            return units
        larger, place = joined(units, label)
        if wall_s(larger, costs) <= allowed_s:
            return larger
        ways = _ways(larger, costs)
        limit = allowed_s - costs.create_s * len(larger)
        label = [i if ways[place[i]] > limit else into for i, into in enumerate(label)]
    return units


def _ways(units: Units, costs: Costs) -> list[float]:
    """Give how long the longest way through each unit takes."""
    inside_s = units.inside_s()
    ends = _ends(units.before, inside_s, costs)
    rest = [0.0] * len(units)
    for i in reversed(range(len(units))):
        for other in units.before[i]:
            rest[other] = max(rest[other], rest[i] + costs.layer_s + inside_s[i])
    return [end + left for end, left in zip(ends, rest, strict=True)]


def joined(units: Units, label: Sequence[int]) -> tuple[Units, list[int]]:
    """Join units of equal label; give the new ones, and for each old one its new one."""
    parts: dict[int, list[int]] = {}
    for i, word in enumerate(label):
        parts.setdefault(word, []).append(i)
    outside = [{label[p] for i in part for p in units.before[i]} for part in parts.values()]
    index = {word: n for n, word in enumerate(parts)}
    before = [{index[o] for o in out} - {n} for n, out in enumerate(outside)]
    olds = list(parts.values())
    order = topological(before, [min(units.members[i][0] for i in part) for part in olds])
    new = {part: n for n, part in enumerate(order)}
    end: list[float] = []
    for i, upstream in enumerate(units.before):
        inside = max((end[p] for p in upstream if label[p] == label[i]), default=0.0)
        end.append(units.path_s[i] + inside)
    turned = [olds[n] for n in order]
    larger = Units(
        members=[sorted(m for i in part for m in units.members[i]) for part in turned],
        before=[sorted(new[p] for p in before[n]) for n in order],
        pods=[units.pods[part[0]] for part in turned],
        path_s=[max(end[i] for i in part) for part in turned],
        work_s=[sum(units.work_s[i] for i in part) for part in turned],
    )
    return larger, [new[index[word]] for word in label]


def topological(before: Sequence[Iterable[int]], rank: Sequence[int]) -> list[int]:
    """Sort so that each comes after those before it, and otherwise by rank."""
    after: list[list[int]] = [[] for _ in before]
    missing = [0] * len(before)
    for i, upstream in enumerate(before):
        for other in upstream:
            after[other].append(i)
            missing[i] += 1
    ready = [(rank[i], i) for i, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        _, i = heapq.heappop(ready)
        order.append(i)
        for follower in after[i]:
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready, (rank[follower], follower))
    return order
