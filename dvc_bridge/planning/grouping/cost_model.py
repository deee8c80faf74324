"""Units of work with their dependencies, their duration in pods, and how to merge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.graph import topological


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of pods in seconds, measured with Argo's default controller.

    Parameters
    ----------
    layer_s
        The delay of a pod that waits for another: the controller checks every ten seconds.
    pod_s
        How long a pod occupies its slot in addition to its stages.
    create_s
        The time between two pod starts, if only the controller's own limits delay the second.
    wave_s
        The time from the end of a pod until its slot is used again, if pods wait for slots: the
        controller starts such pods in waves.
    stage_s
        The overhead of a stage in addition to its command.
    slots
        How many pods run at a time.
    pods
        How many pods one Workflow should contain: the controller walks all of them each time.
    part_pods
        How many pods a part of a run may have; None: the engine does not split a run into parts.
    """

    layer_s: float = 10.0
    pod_s: float = 4.0
    create_s: float = 0.1
    wave_s: float = 15.0
    stage_s: float = 0.5
    slots: int = 300
    pods: int = 300
    part_pods: int | None = None

    def with_overhead(self, factor: float) -> Self:
        """Return the costs with that many times the overhead of a pod and of a stage."""
        return replace(self, pod_s=self.pod_s * factor, stage_s=self.stage_s * factor)


@dataclass(frozen=True, slots=True)
class WorkUnits:
    """Stages or groups of stages, one entry each; a unit comes after the units it waits for.

    Parameters
    ----------
    members
        The stages of each unit, by number.
    before
        The units that must end before each unit starts.
    path_s, work_s
        The duration of each unit's longest chain of stages, and of all its stages in sequence.
    """

    members: Sequence[Sequence[int]]
    before: Sequence[Sequence[int]]
    pods: Sequence[Resources]
    path_s: Sequence[float]
    work_s: Sequence[float]

    def __len__(self) -> int:
        return len(self.members)

    def inside_s(self) -> list[float]:
        """Return the maximum duration of each unit in its pod, for any order of its stages."""
        zipped = zip(self.pods, self.path_s, self.work_s, strict=True)
        return [inside_s(pod.jobs, path, work) for pod, path, work in zipped]


def inside_s(jobs: int, path_s: float, work_s: float) -> float:
    """Return the maximum duration of stages in one pod, which holds for any order of them."""
    return work_s / jobs + path_s * (1 - 1 / jobs)


def wall_s(units: WorkUnits, costs: Costs) -> float:
    """Predict the duration of all units, each in a pod of its own."""
    ends = ends_s(units.before, units.inside_s(), costs)
    return max(max(ends, default=0.0), _occupied_s(units, costs)) + costs.create_s * len(units)


def _occupied_s(units: WorkUnits, costs: Costs) -> float:
    """Return how long the busiest slot takes for its pods, which run one after the other."""
    if not len(units):
        return 0.0
    waves = -(-len(units) // costs.slots)
    between_s = costs.wave_s * (waves - 1)
    return costs.layer_s + costs.pod_s * waves + between_s + sum(units.inside_s()) / costs.slots


def ends_s(before: Sequence[Sequence[int]], alone_s: Sequence[float], costs: Costs) -> list[float]:
    """Return when each unit ends if every unit starts as soon as possible."""
    ends: list[float] = []
    for upstream, inside in zip(before, alone_s, strict=True):
        ends.append(max((ends[p] for p in upstream), default=0.0) + costs.layer_s + inside)
    return ends


def merge_units(units: WorkUnits, label: Sequence[int]) -> tuple[WorkUnits, list[int]]:
    """Merge units with equal labels; return the new units, and for each old unit its new unit."""
    parts: dict[int, list[int]] = {}
    for i, label_value in enumerate(label):
        parts.setdefault(label_value, []).append(i)
    part_dependencies = [
        {label[p] for i in part for p in units.before[i]} for part in parts.values()
    ]
    index = {label_value: n for n, label_value in enumerate(parts)}
    before = [{index[o] for o in out} - {n} for n, out in enumerate(part_dependencies)]
    part_units = list(parts.values())
    order = topological(before, [min(units.members[i][0] for i in part) for part in part_units])
    new = {part: n for n, part in enumerate(order)}
    end: list[float] = []
    for i, upstream in enumerate(units.before):
        inside = max((end[p] for p in upstream if label[p] == label[i]), default=0.0)
        end.append(units.path_s[i] + inside)
    ordered_parts = [part_units[n] for n in order]
    larger = WorkUnits(
        members=[sorted(m for i in part for m in units.members[i]) for part in ordered_parts],
        before=[sorted(new[p] for p in before[n]) for n in order],
        pods=[units.pods[part[0]] for part in ordered_parts],
        path_s=[max(end[i] for i in part) for part in ordered_parts],
        work_s=[sum(units.work_s[i] for i in part) for part in ordered_parts],
    )
    return larger, [new[index[label_value]] for label_value in label]


def only(units: WorkUnits, chosen: Sequence[int]) -> WorkUnits:
    """Return the chosen units, in order, without dependencies on other units, which have ended."""
    new = {old: n for n, old in enumerate(chosen)}
    return WorkUnits(
        members=[units.members[i] for i in chosen],
        before=[[new[p] for p in units.before[i] if p in new] for i in chosen],
        pods=[units.pods[i] for i in chosen],
        path_s=[units.path_s[i] for i in chosen],
        work_s=[units.work_s[i] for i in chosen],
    )
