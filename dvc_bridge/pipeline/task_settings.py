"""The settings of a stage's task: image, resources, node, timeout, retries, secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dvc_bridge.pipeline.auto_memory import AutoMemory
from dvc_bridge.pipeline.pod_settings import USUAL_POD, PodSettings
from dvc_bridge.pipeline.setting_mappings import Pairs

USUAL_RETRIES = 2
# Without requests the needs of a stage are unknown; two stages overlap each other's I/O waits.
USUAL_JOBS = 2
USUAL_GPU = "nvidia.com/gpu"


@dataclass(frozen=True, slots=True)
class Resources:
    """The settings of a task; stages with equal settings may share one.

    Parameters
    ----------
    cpu, memory
        Kubernetes quantities of the requests; memory is also the limit, unless there is a separate
        one. None: no request.
    gpu
        The number of GPUs.
    timeout
        How long one stage may take in its first attempt, in seconds; None: no limit.
    retries
        How often the engine retries after a lost pod or a storage error. It never retries a failing
        command.
    node_selector, tolerations
        Sorted pairs, so that equal settings compare equal.
    secret_env
        Names of Secrets that become environment variables.
    slurm
        Sorted pairs of the settings of `SlurmSettings` that differ for this stage.
    gpu_resource
        The name of the GPUs as a resource of Kubernetes.
    memories, timeouts
        The memory and the timeout of each attempt, the first included; the last value holds for
        all later attempts. Empty: they do not change.
    pod
        What only pods of Kubernetes have.
    auto_memory
        How memory follows earlier runs; `memory` and `memories` are the first values. None: it
        does not.
    """

    image: str = ""
    cpu: str | None = None
    memory: str | None = None
    gpu: int = 0
    timeout: int | None = None
    retries: int = USUAL_RETRIES
    node_selector: Pairs = ()
    tolerations: tuple[Pairs, ...] = ()
    secret_env: tuple[str, ...] = ()
    slurm: Pairs = ()
    gpu_resource: str = USUAL_GPU
    memories: tuple[str, ...] = ()
    timeouts: tuple[int, ...] = ()
    pod: PodSettings = USUAL_POD
    auto_memory: AutoMemory | None = None

    def with_memory(self, memories: Sequence[str]) -> Resources:
        """Return the settings with another memory of each attempt."""
        later = tuple(memories) if len(memories) > 1 else ()
        return replace(self, memory=memories[0] if memories else None, memories=later)

    @property
    def jobs(self) -> int:
        """How many stages run at a time in the task: requests are the needs of one stage."""
        return 1 if self.cpu or self.memory or self.gpu else USUAL_JOBS

    @property
    def largest_memory(self) -> str | None:
        """The memory for engines that do not raise it by attempt."""
        return self.memories[-1] if self.memories else self.memory

    @property
    def longest_timeout(self) -> int | None:
        """The timeout for engines that do not raise it by attempt."""
        return self.timeouts[-1] if self.timeouts else self.timeout
