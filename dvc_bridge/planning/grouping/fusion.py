"""Join units of work into larger ones where that makes the whole no longer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from dvc_bridge.pipeline.resources import Resources
from dvc_bridge.planning.grouping.cost_model import (
    Costs,
    WorkUnits,
    ends_s,
    inside_s,
    merge_units,
    wall_s,
)

# How often a proposal is cut back to what hurts nobody before it is dropped.
_CUTS = 4
# From here on a finer search would cost the client more than it saves.
_MANY = 3000


def chains(units: WorkUnits) -> WorkUnits:
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
    return merge_units(units, label)[0]


def fuse_units(units: WorkUnits, costs: Costs) -> WorkUnits:
    """Join small units too, as long as the predicted wall does not grow."""
    allowed_s = wall_s(units, costs)
    for propose in (_downward, _beside, _downward):
        for bound_s in _bounds(units, costs, _step(len(units))):
            units = _improved(units, propose(units, bound_s), costs)
    return units if len(units) <= costs.pods else _within(units, allowed_s, costs)


def _within(units: WorkUnits, allowed_s: float, costs: Costs) -> WorkUnits:
    """Join units of one depth until no more are left than a Workflow should hold."""
    if len(set(_rows(units))) > costs.pods:
        return units
    bounds = list(_bounds(units, costs, 1.2))
    least = bisect_left(
        bounds, True, key=lambda bound_s: len(set(_beside(units, bound_s))) <= costs.pods
    )
    fewer, _ = merge_units(units, _beside(units, bounds[least]))
    return fewer if wall_s(fewer, costs) <= allowed_s else units


def _step(count: int) -> float:
    """Return the ratio of one bound to the one before it: a search of a few seconds at most."""
    if count < _MANY:
        return 2.0
    return 4.0 if count < 4 * _MANY else 16.0


def _bounds(units: WorkUnits, costs: Costs, factor: float) -> Iterator[float]:
    """Return how long a pod may take: from next to nothing to more than all there is."""
    bound_s, all_s = max(2 * costs.stage_s, 0.1), sum(units.work_s)
    while bound_s < factor * all_s:
        yield bound_s
        bound_s *= factor
    yield bound_s


def _downward(units: WorkUnits, bound_s: float) -> list[int]:
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
        if not equal or inside_s(units.pods[i].jobs, longest, total) > bound_s:
            level[i] = top + 1
            continue
        into = roots[0]
        for other in (*roots[1:], i):
            root[other] = into
        end[i], path[into], work[into] = chain, longest, total
    return [find(i) for i in range(len(units))]


def _beside(units: WorkUnits, bound_s: float) -> list[int]:
    """Propose to join units of one depth, siblings first, while a pod stays within the bound."""
    label = list(range(len(units)))
    alone_s, rows = units.inside_s(), _rows(units)
    filled: dict[tuple[int, Resources], tuple[int, float, float]] = {}
    for i in sorted(label, key=lambda i: (rows[i][0], units.before[i], i)):
        if alone_s[i] > bound_s:
            continue
        into, longest, total = filled.get(rows[i], (i, 0.0, 0.0))
        longest, total = max(longest, units.path_s[i]), total + units.work_s[i]
        if inside_s(units.pods[i].jobs, longest, total) > bound_s:
            into, longest, total = i, units.path_s[i], units.work_s[i]
        filled[rows[i]] = into, longest, total
        label[i] = into
    return label


def _rows(units: WorkUnits) -> list[tuple[int, Resources]]:
    """Return for each unit what those must have in common that can be joined beside each other."""
    depth: list[int] = []
    for upstream in units.before:
        depth.append(max((depth[p] + 1 for p in upstream), default=0))
    return list(zip(depth, units.pods, strict=True))


def _improved(units: WorkUnits, label: list[int], costs: Costs) -> WorkUnits:
    """Take what of a proposal makes the whole no longer.

    A part of a proposal is as free of circles as all of it. Joining never adds to the work, so
    only ways through the graph have to be looked at.
    """
    allowed_s = wall_s(units, costs)
    for _ in range(_CUTS if len(units) < _MANY else 2):
        if all(joined_to == i for i, joined_to in enumerate(label)):
            return units
        larger, place = merge_units(units, label)
        if wall_s(larger, costs) <= allowed_s:
            return larger
        ways = _ways(larger, costs)
        limit = allowed_s - costs.create_s * len(larger)
        label = [i if ways[place[i]] > limit else into for i, into in enumerate(label)]
    return units


def _ways(units: WorkUnits, costs: Costs) -> list[float]:
    """Return how long the longest way through each unit takes."""
    alone_s = units.inside_s()
    ends = ends_s(units.before, alone_s, costs)
    rest = [0.0] * len(units)
    for i in reversed(range(len(units))):
        for other in units.before[i]:
            rest[other] = max(rest[other], rest[i] + costs.layer_s + alone_s[i])
    return [end + left for end, left in zip(ends, rest, strict=True)]
