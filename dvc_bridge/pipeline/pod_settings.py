"""The settings of a stage that only pods of Kubernetes have."""

from __future__ import annotations

from dataclasses import dataclass

from dvc_bridge.pipeline.setting_mappings import Pairs


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of a pod; exactly one of the first four fields has a value.

    Parameters
    ----------
    claim
        The name of an existing PersistentVolumeClaim.
    ephemeral
        The size of a claim that exists as long as the pod.
    empty_dir
        The size limit of a folder on the node's disk.
    shared_memory
        The size limit of a folder in the node's memory.
    storage_class
        The storage class of an ephemeral claim; empty: the default of the cluster.
    sub_path
        A folder inside of the claim; empty: all of it.
    """

    claim: str = ""
    ephemeral: str = ""
    empty_dir: str = ""
    shared_memory: str = ""
    storage_class: str = ""
    sub_path: str = ""
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class PodSettings:
    """What a pod has in addition to the resources that every engine knows.

    Parameters
    ----------
    labels, annotations, env, secret_files, volumes
        Sorted pairs, so that equal settings compare equal; `secret_files` maps Secrets to folders,
        `volumes` maps folders to volumes.
    service_account
        The account of the pod, for the identity that a cloud gives it; None: that of the Workflow.
    env_from
        Names of ConfigMaps whose keys become environment variables.
    affinity, pod_patch
        Parts of a pod's specification as JSON with sorted keys; empty: none.
    cpu_limit, memory_limit
        Limits that differ from the requests.
    pending_timeout
        How long a pod may wait for its start, in seconds.
    """

    labels: Pairs = ()
    annotations: Pairs = ()
    image_pull_secrets: tuple[str, ...] = ()
    service_account: str | None = None
    priority_class: str | None = None
    affinity: str = ""
    env: Pairs = ()
    env_from: tuple[str, ...] = ()
    secret_files: Pairs = ()
    volumes: tuple[tuple[str, Volume], ...] = ()
    cpu_limit: str | None = None
    memory_limit: str | None = None
    ephemeral_storage: str | None = None
    pending_timeout: int | None = None
    pod_patch: str = ""


USUAL_POD = PodSettings()
