"""Groups of stages in levels, for Metaflow flows, whose graph is a sequence of foreach steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.pod_settings import PodSettings
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.planning.grouping.group_stages import Group

# The maximum that Metaflow allows for a step.
MOST_RETRIES = 4


@dataclass(frozen=True, slots=True)
class Needs:
    """The resources of each task of a level: the maximum of its groups' requests.

    Parameters
    ----------
    cpu
        Cores; None: no request.
    memory
        Megabytes (10**6 bytes); None: no request.
    timeout
        Seconds; None: no limit.
    """

    cpu: float | None
    memory: int | None
    gpu: int
    timeout: int | None
    retries: int


def levels_of(groups: Sequence[Group]) -> list[list[Group]]:
    """Divide groups into levels: each group waits only for groups of earlier levels.

    Parameters
    ----------
    groups
        In an order in which a group comes after the groups that it waits for.
    """
    level: dict[TaskNumber, int] = {}
    levels: list[list[Group]] = []
    for group in groups:
        index = 1 + max((level[n] for n in (*group.needs, *group.after)), default=-1)
        level[group.number] = index
        if index == len(levels):
            levels.append([])
        levels[index].append(group)
    return levels


def needs_of(level: Sequence[Group]) -> Needs:
    """Return the resources of the tasks of a level; all tasks get the same."""
    pods = [group.pod for group in level]
    memories = [pod.largest_memory for pod in pods]
    timeouts = [(group.pod.longest_timeout, len(group.positions)) for group in level]
    times = [timeout and timeout * count for timeout, count in timeouts]
    return Needs(
        cpu=max((amount(pod.cpu) for pod in pods if pod.cpu), default=None),
        memory=max((round(amount(memory) / 1e6) for memory in memories if memory), default=None),
        gpu=max(pod.gpu for pod in pods),
        timeout=max(time or 0 for time in times) if all(times) else None,
        retries=min(MOST_RETRIES, max(pod.retries for pod in pods)),
    )


def check_settings(groups: Sequence[Group]) -> None:
    """Check that pods do not differ in settings that a step cannot express.

    Raises
    ------
    UsageError
        Some stages have their own images, nodes or Secrets.
    """
    keys = ("image", "node_selector", "tolerations", "secret_env", "gpu_resource")
    pod_keys = [field.name for field in fields(PodSettings)]
    differing = [key for key in keys if len({getattr(group.pod, key) for group in groups}) > 1]
    differing += [k for k in pod_keys if len({getattr(group.pod.pod, k) for group in groups}) > 1]
    if differing:
        raise UsageError(
            f"dvc-bridge.yaml sets {', '.join(differing)} for some stages, but all steps of a"
            " generated flow share these settings",
            "set it for all stages there and for Metaflow (--with kubernetes:image=...), or use"
            " dvc-bridge submit, whose pods may differ",
        )
