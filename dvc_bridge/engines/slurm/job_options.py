"""The options of sbatch that follow from the settings of a task."""

from __future__ import annotations

import math
from dataclasses import replace

from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.pipeline.slurm_settings import SlurmSettings
from dvc_bridge.pipeline.task_settings import Resources

_MIB = 2**20


def resource_options(
    resources: Resources, timeout_s: int | None, slurm: SlurmSettings
) -> tuple[str, ...]:
    """Return the options for the resources of a task and for where it may run, at first.

    Parameters
    ----------
    timeout_s
        The time limit of the task in seconds; SLURM counts in minutes. None: the partition's.
    slurm
        The settings of the project; those of the stage in `resources` have precedence.
    """
    own = slurm.of_stage(resources.slurm)
    options = [
        f"--{name}={value}"
        for name, value in (
            ("partition", own.partition),
            ("account", own.account),
            ("qos", own.qos),
            ("constraint", own.constraint),
            ("reservation", own.reservation),
        )
        if value
    ]
    if resources.cpu:
        options.append(f"--cpus-per-task={math.ceil(amount(resources.cpu))}")
    if resources.memory:
        options.append(f"--mem={megabytes(resources.memory)}M")
    if resources.gpu:
        options.append(f"--gres={own.gres}:{resources.gpu}")
    if timeout_s:
        options.append(f"--time={math.ceil(timeout_s / 60)}")
    has_attempts = resources.retries or resources.memories or resources.timeouts
    options.append("--requeue" if has_attempts else "--no-requeue")
    return (*options, *own.extra)


def most_options(
    resources: Resources, timeout_s: int | None, slurm: SlurmSettings
) -> tuple[str, ...]:
    """Return the options for the attempt with the most memory; see `resource_options`."""
    return resource_options(replace(resources, memory=resources.largest_memory), timeout_s, slurm)


def megabytes(memory: str) -> int:
    """Return a quantity of memory in the unit that SLURM calls M, rounded up."""
    return math.ceil(amount(memory) / _MIB)
