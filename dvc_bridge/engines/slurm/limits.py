"""The limits of the site and the costs of its jobs, by which stages are grouped into tasks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dvc_bridge.engines.slurm.commands import (
    check_options,
    controller_settings,
    run_command,
    setting,
)
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.planning.grouping.cost_model import Costs

# A job that waits for another starts within a second or two; its worker imports DVC.
LAYER_S = 2.0
JOB_S = 1.5
# How long a call of sbatch takes; equal tasks share a call.
CREATE_S = 0.001
_SLOTS = 100
_MOST_JOBS = 10_000
_MOST_INDEXES = 1001
_UNLIMITED = "UNLIMITED"


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
    most_minutes
        The largest time limit of a job; None: there is none.
    """

    name: str
    cpus: int
    nodes: int
    has_memory: bool
    most_minutes: int | None = None


def partition(name: str) -> Partition | None:
    """Return a partition, or with an empty name the default one; None: there is none."""
    named = [name] if name else []
    lines = run_command(["scontrol", "--oneliner", "show", "partition", *named]).splitlines()
    found = [dict(word.partition("=")[::2] for word in line.split()) for line in lines]
    values = next((v for v in found if name or v.get("Default") == "YES"), None)
    if values is None:
        return None
    site = controller_settings()
    counts_memory = "MEMORY" in site.get("SelectTypeParameters", "").upper()
    has_default = any(
        settings.get(key, _UNLIMITED) != _UNLIMITED
        for settings in (values, site)
        for key in ("DefMemPerNode", "DefMemPerCPU")
    )
    return Partition(
        values.get("PartitionName", name),
        int(values.get("TotalCPUs", "0")),
        int(values.get("TotalNodes", "0")),
        not counts_memory or has_default,
        minutes(values.get("MaxTime", "")),
    )


def minutes(text: str) -> int | None:
    """Return a time of SLURM, such as 1-12:30:00, in whole minutes; None: it is not limited."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if match is None:
        return None
    days, hours, minute, _ = (int(number or 0) for number in match.groups())
    return (days * 24 + hours) * 60 + minute


def check_job(options: Sequence[str]) -> None:
    """Check the options of a job without submitting one.

    Raises
    ------
    UsageError
        SLURM would refuse the job, or would never start it.
    """
    check_options(options)
    values = dict(option.partition("=")[::2] for option in options)
    chosen = partition(values.get("--partition", ""))
    wanted = int(values.get("--time", "0"))
    # By default, sbatch accepts such a job, which then waits forever.
    if chosen and chosen.most_minutes is not None and wanted > chosen.most_minutes:
        raise UsageError(
            f"{wanted} minutes are above the limit of partition {chosen.name},"
            f" {chosen.most_minutes} minutes",
            f"lower timeout in {FILE}, let fewer stages share a task (fuse), or name another"
            " slurm.partition: `sinfo -o '%P %l'`",
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
