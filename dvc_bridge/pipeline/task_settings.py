"""The settings of a stage's pod: image, resources, node, timeout, retries, secrets."""

from __future__ import annotations

from dataclasses import dataclass

from dvc_bridge.pipeline.setting_mappings import Pairs

USUAL_RETRIES = 2
# Without requests the needs of a stage are unknown; two stages overlap each other's I/O waits.
USUAL_JOBS = 2


@dataclass(frozen=True, slots=True)
class Resources:
    """The settings of a pod; stages with equal settings may share a pod.

    Parameters
    ----------
    cpu, memory
        Kubernetes quantities of the requests; memory is also the limit. None: no request.
    gpu
        Number of `nvidia.com/gpu`.
    timeout
        How long one stage may take in a pod, in seconds; None: no limit.
    retries
        How often the engine retries after a lost pod or a storage error. It never retries a failing
        command.
    node_selector, tolerations
        Sorted pairs, so that equal settings compare equal.
    secret_env
        Names of Secrets that become environment variables.
    slurm
        Sorted pairs of the settings of `SlurmSettings` that differ for this stage.
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

    @property
    def jobs(self) -> int:
        """How many stages run at a time in the pod: requests are the needs of one stage."""
        return 1 if self.cpu or self.memory or self.gpu else USUAL_JOBS
