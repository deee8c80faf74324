"""Merge units of work into larger ones if the predicted duration does not grow."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.grouping.cost_model import (
    Costs,
    WorkUnits,
    ends_s,
    inside_s,
    merge_units,
    wall_s,
)

# How often a proposal is reduced to the merges without a cost before it is dropped.
_MAX_REDUCTIONS = 4
# From this number of units, a finer search would cost the client more than it saves.
_MANY_UNITS = 3000


def chains(units: WorkUnits) -> WorkUnits:
    """Merge consecutive units with equal settings if nothing can run in parallel to them."""
    followers = [0] * len(units)
    for upstream in units.before:
        for predecessor in upstream:
            followers[predecessor] += 1
    label = list(range(len(units)))
    for i, upstream in enumerate(units.before):
        if len(upstream) == 1:
            predecessor = upstream[0]
            if followers[predecessor] == 1 and units.pods[predecessor] == units.pods[i]:
                label[i] = label[predecessor]
    return merge_units(units, label)[0]


def fuse_units(units: WorkUnits, costs: Costs) -> WorkUnits:
    """Merge small units too, as long as the predicted wall time does not grow."""
    allowed_s = wall_s(units, costs)
    # Without room for all, waves last longer than any path, so deep merges would seem to be free.
    first = (_merge_across,) if len(units) > costs.slots else ()
    for propose in (*first, _merge_down, _merge_across, _merge_down):
        for bound_s in _bounds(units, costs, _step(len(units))):
            units = _apply_proposal(units, propose(units, bound_s), costs)
    if len(units) > costs.slots:
        units = _limit_pods(units, wall_s(units, costs), costs, costs.slots)
    if len(units) > costs.pods:
        units = _limit_pods(units, allowed_s, costs, costs.pods)
    return units


def _limit_pods(units: WorkUnits, allowed_s: float, costs: Costs, most: int) -> WorkUnits:
    """Merge units of one depth until their number fits into the slots or into a Workflow."""
    if len(set(_merge_keys(units))) > most:
        return units
    bounds = list(_bounds(units, costs, 1.2))
    first = bisect_left(
        bounds, True, key=lambda bound_s: len(set(_merge_across(units, bound_s))) <= most
    )
    merged, _ = merge_units(units, _merge_across(units, bounds[first]))
    return merged if wall_s(merged, costs) <= allowed_s else units


def _step(count: int) -> float:
    """Return the ratio of successive bounds; it limits the search to a few seconds."""
    if count < _MANY_UNITS:
        return 2.0
    return 4.0 if count < 4 * _MANY_UNITS else 16.0


def _bounds(units: WorkUnits, costs: Costs, factor: float) -> Iterator[float]:
    """Yield bounds on the duration of a pod, from almost zero to more than the total work."""
    bound_s, all_s = max(2 * costs.stage_s, 0.1), sum(units.work_s)
    while bound_s < factor * all_s:
        yield bound_s
        bound_s *= factor
    yield bound_s


def _merge_down(units: WorkUnits, bound_s: float) -> list[int]:
    """Propose to merge units with the units they wait for, while a pod stays within the bound.

    Every unit has a level: either it is merged with all units of the highest level before it, or
    it is one level above them. Edges that leave a group always lead upwards, so there are no
    cycles.
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
        candidates = [(find(p), p) for p in upstream]
        top = max(level[r] for r, _ in candidates)
        highest = [(r, p) for r, p in candidates if level[r] == top]
        roots = sorted({r for r, _ in highest})
        chain = units.path_s[i] + max(end[p] for _, p in highest)
        longest = max(chain, *(path[r] for r in roots))
        total = units.work_s[i] + sum(work[r] for r in roots)
        have_equal_pods = all(units.pods[r] == units.pods[i] for r in roots)
        if not have_equal_pods or inside_s(units.pods[i].jobs, longest, total) > bound_s:
            level[i] = top + 1
            continue
        target = roots[0]
        for root_unit in (*roots[1:], i):
            root[root_unit] = target
        end[i], path[target], work[target] = chain, longest, total
    return [find(i) for i in range(len(units))]


def _merge_across(units: WorkUnits, bound_s: float) -> list[int]:
    """Propose to merge units of one depth, siblings first, while a pod stays within the bound."""
    label = list(range(len(units)))
    alone_s, keys = units.inside_s(), _merge_keys(units)
    open_groups: dict[tuple[int, Resources], tuple[int, float, float]] = {}
    for i in sorted(label, key=lambda i: (keys[i][0], units.before[i], i)):
        if alone_s[i] > bound_s:
            continue
        target, longest, total = open_groups.get(keys[i], (i, 0.0, 0.0))
        longest, total = max(longest, units.path_s[i]), total + units.work_s[i]
        if inside_s(units.pods[i].jobs, longest, total) > bound_s:
            target, longest, total = i, units.path_s[i], units.work_s[i]
        open_groups[keys[i]] = target, longest, total
        label[i] = target
    return label


def _merge_keys(units: WorkUnits) -> list[tuple[int, Resources]]:
    """Return a key for each unit; units with equal keys can be merged with each other."""
    depth: list[int] = []
    for upstream in units.before:
        depth.append(max((depth[p] + 1 for p in upstream), default=0))
    return list(zip(depth, units.pods, strict=True))


def _apply_proposal(units: WorkUnits, label: list[int], costs: Costs) -> WorkUnits:
    """Apply the part of a proposal that does not increase the predicted duration.

    A part of a proposal has no cycles either. A merge never adds work, so only paths through the
    graph need a check.
    """
    allowed_s = wall_s(units, costs)
    for _ in range(_MAX_REDUCTIONS if len(units) < _MANY_UNITS else 2):
        if all(target == i for i, target in enumerate(label)):
            return units
        larger, unit_of = merge_units(units, label)
        if wall_s(larger, costs) <= allowed_s:
            return larger
        paths = _longest_paths(larger, costs)
        limit = allowed_s - costs.create_s * len(larger)
        label = [
            i if paths[unit_of[i]] > limit else target_unit for i, target_unit in enumerate(label)
        ]
    return units


def _longest_paths(units: WorkUnits, costs: Costs) -> list[float]:
    """Return the duration of the longest path through each unit."""
    alone_s = units.inside_s()
    ends = ends_s(units.before, alone_s, costs)
    rests_s = [0.0] * len(units)
    for i in reversed(range(len(units))):
        for predecessor in units.before[i]:
            rests_s[predecessor] = max(
                rests_s[predecessor], rests_s[i] + costs.layer_s + alone_s[i]
            )
    return [end_s + rest_s for end_s, rest_s in zip(ends, rests_s, strict=True)]
