"""Units of work with what they wait for, how long they take in pods, and how they are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dvc_bridge.pipeline.resources import Resources
from dvc_bridge.planning.graph import topological


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
class WorkUnits:
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
    pods: Sequence[Resources]
    path_s: Sequence[float]
    work_s: Sequence[float]

    def __len__(self) -> int:
        return len(self.members)

    def inside_s(self) -> list[float]:
        """How long each takes in its pod at most, in whatever order its stages are taken."""
        zipped = zip(self.pods, self.path_s, self.work_s, strict=True)
        return [inside_s(pod.jobs, path, work) for pod, path, work in zipped]


def inside_s(jobs: int, path_s: float, work_s: float) -> float:
    """Return how long stages take in one pod at most: what any order of them keeps to."""
    return work_s / jobs + path_s * (1 - 1 / jobs)


def wall_s(units: WorkUnits, costs: Costs) -> float:
    """Predict how long all units take, each in a pod."""
    ends = ends_s(units.before, units.inside_s(), costs)
    return max(max(ends, default=0.0), _held_s(units, costs)) + costs.create_s * len(units)


def _held_s(units: WorkUnits, costs: Costs) -> float:
    return (costs.pod_s * len(units) + sum(units.inside_s())) / costs.slots


def ends_s(before: Sequence[Sequence[int]], alone_s: Sequence[float], costs: Costs) -> list[float]:
    """Return when each has ended if every one starts as soon as it may."""
    ends: list[float] = []
    for upstream, inside in zip(before, alone_s, strict=True):
        ends.append(max((ends[p] for p in upstream), default=0.0) + costs.layer_s + inside)
    return ends


def merge_units(units: WorkUnits, label: Sequence[int]) -> tuple[WorkUnits, list[int]]:
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
    larger = WorkUnits(
        members=[sorted(m for i in part for m in units.members[i]) for part in turned],
        before=[sorted(new[p] for p in before[n]) for n in order],
        pods=[units.pods[part[0]] for part in turned],
        path_s=[max(end[i] for i in part) for part in turned],
        work_s=[sum(units.work_s[i] for i in part) for part in turned],
    )
    return larger, [new[index[word]] for word in label]


def only(units: WorkUnits, chosen: Sequence[int]) -> WorkUnits:
    """Return some of the units, in their order; what they wait for beside each other has ended."""
    new = {old: n for n, old in enumerate(chosen)}
    return WorkUnits(
        members=[units.members[i] for i in chosen],
        before=[[new[p] for p in units.before[i] if p in new] for i in chosen],
        pods=[units.pods[i] for i in chosen],
        path_s=[units.path_s[i] for i in chosen],
        work_s=[units.work_s[i] for i in chosen],
    )
