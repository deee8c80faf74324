"""The limits of the site and the costs of its jobs, by which stages are grouped into tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dvc_bridge.engines.slurm.commands import controller_settings, run_command, setting
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.planning.grouping.cost_model import Costs

# A job that waits for another starts within a second or two; its worker imports DVC.
LAYER_S = 2.0
JOB_S = 1.5
# How long a call of sbatch takes; equal tasks share a call.
CREATE_S = 0.001
_SLOTS = 100
_MOST_JOBS = 10_000
_MOST_INDEXES = 1001


def costs(settings: Settings) -> Costs:
    """Return what jobs cost at this site; usual values if SLURM does not respond."""
    slots, jobs = _SLOTS, _MOST_JOBS
    try:
        slots = _slots(settings)
        jobs = setting("MaxJobCount", _MOST_JOBS)
    except BridgeError:
        pass  # a plan needs no SLURM; submit does, and says what is wrong
    # Half of what the controller allows: others have jobs too.
    return Costs(
        layer_s=LAYER_S,
        pod_s=JOB_S,
        create_s=CREATE_S,
        wave_s=LAYER_S,
        slots=slots,
        pods=max(1, jobs // 2),
    )


def array_size() -> int:
    """Return how many indexes a job array may have."""
    return max(1, setting("MaxArraySize", _MOST_INDEXES) - 1)


@dataclass(frozen=True, slots=True)
class Partition:
    """What dvc-bridge needs to know about a partition.

    Parameters
    ----------
    has_memory
        Whether a job that asks for no memory gets a part of a node's memory, not all of it.
    """

    name: str
    cpus: int
    nodes: int
    has_memory: bool


def partition(name: str) -> Partition | None:
    """Return a partition, or with an empty name the default one; None: there is none."""
    named = [name] if name else []
    lines = run_command(["scontrol", "--oneliner", "show", "partition", *named]).splitlines()
    found = [dict(word.partition("=")[::2] for word in line.split()) for line in lines]
    values = next((v for v in found if name or v.get("Default") == "YES"), None)
    if values is None:
        return None
    counts_memory = "MEMORY" in controller_settings().get("SelectTypeParameters", "").upper()
    return Partition(
        values.get("PartitionName", name),
        int(values.get("TotalCPUs", "0")),
        int(values.get("TotalNodes", "0")),
        not counts_memory or values.get("DefMemPerNode") != "UNLIMITED",
    )


def needs_memory(settings: Settings, stages: Sequence[str]) -> list[str]:
    """Return the stages without a setting `memory` whose jobs would get all memory of a node."""
    found = []
    partitions: dict[str, Partition | None] = {}
    for address in stages:
        pod = settings.pod(address)
        name = settings.slurm.of_stage(pod.slurm).partition
        if name not in partitions:
            partitions[name] = partition(name)
        chosen = partitions[name]
        if not pod.memory and chosen and not chosen.has_memory:
            found.append(address)
    return found


def _slots(settings: Settings) -> int:
    """Return how many tasks the partition runs at a time if no one else uses it."""
    chosen = partition(settings.slurm.partition)
    if chosen is None or not chosen.cpus:
        return _SLOTS
    resources = [settings.pod("*"), *(settings.pod(glob) for glob in settings.pods)]
    if not chosen.has_memory and not all(pod.memory for pod in resources):
        return chosen.nodes
    return max(1, chosen.cpus // max(math.ceil(amount(pod.cpu or "1")) for pod in resources))
