"""The settings of Argo in dvc-bridge.yaml, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from dvc_bridge.pipeline.fuse import Fuse


@dataclass(frozen=True, slots=True)
class ArgoSettings:
    """Settings of the whole Workflow.

    Parameters
    ----------
    image, secrets
        The image and the secrets of every pod; a stage may have another image and more secrets.
    worker_image
        The image that brings dvc-bridge into every pod; None: every image has it.
    service_account
        The service account whose token Argo's own containers use.
    user
        The UID of the pods; None: the cluster chooses it, and it must not be root.
    parallelism
        How many pods may run at a time; None: no limit.
    secret_files
        Secrets that every pod mounts as files: pairs of a Secret's name and a folder.
    remotes
        Options of DVC remotes whose values differ in pods: pairs of a remote's name and its
        options, which are pairs of a name and a value; an empty value removes the option.
    image_pull_secrets
        Secrets with which nodes pull all images.
    executor_cpu, executor_memory
        Requests and limits of Argo's own containers; None: those of Argo's controller.
    timezone, concurrency_policy
        Of the schedule of a CronWorkflow.
    """

    image: str = ""
    worker_image: str | None = None
    image_pull_policy: str | None = None
    namespace: str | None = None
    service_account: str = "dvc-bridge"
    secrets: tuple[str, ...] = ()
    user: int | None = 10001
    fuse: Fuse = Fuse.AUTO
    parallelism: int | None = None
    secret_files: tuple[tuple[str, str], ...] = ()
    remotes: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    executor_cpu: str | None = None
    executor_memory: str | None = None
    timezone: str | None = None
    concurrency_policy: str = "Forbid"

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that pods need, as variables or as files."""
        return (*self.secrets, *(secret for secret, _ in self.secret_files))

    @property
    def has_secrets(self) -> bool:
        """Whether pods have credentials: a Secret, or a service account of their own."""
        return bool(self.secrets) or self.service_account != ArgoSettings().service_account
