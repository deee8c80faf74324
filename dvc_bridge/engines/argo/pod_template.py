"""The template of one kind of pod."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.engines.argo.pod_patch import RESTRICTED, pod_patch
from dvc_bridge.engines.argo.pod_volumes import volumes_and_mounts
from dvc_bridge.engines.argo.retries import by_attempt, retry_strategy
from dvc_bridge.engines.argo.worker_files import (
    worker_command,
    worker_init_containers,
    worker_mounts,
    worker_volumes,
)
from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.pod_settings import PodSettings
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.remote_run.worker_contract import RETRIES, RUN, STORE, TIMEOUT

# Expressions that Argo replaces; no other text of a manifest may look like this.
RUN_NAME = "{{workflow.name}}"
GROUP = "{{inputs.parameters.g}}"
RETRY_NUMBER = "{{retries}}"  # only in a template with a retry strategy

# How long a pod may take to pull its image and to start, in addition to the time of its stages.
START_S = 1800
PENDING_TIMEOUT = "pendingTimeout"  # a field of templates since Argo 4.1
WORK, TMP = "/work", "/tmp"  # noqa: S108  folders of the pod


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings of every worker.

    Parameters
    ----------
    run
        The name of the run; None: each Workflow is a run of its own, with the Workflow's name.
    code
        The variables that define the source of the code.
    argo
        The settings of the Workflow.
    secret_mounts
        The volumes of Secrets, and their folders.
    """

    run: str | None
    store: str
    code: Mapping[str, str]
    shell: str | None
    argo: ArgoSettings
    secret_mounts: tuple[tuple[str, str], ...] = ()

    def variables(self) -> list[dict[str, str]]:
        """Return the environment variables of a container."""
        variables = {
            RUN: self.run or RUN_NAME,
            STORE: self.store,
            **self.code,
            "DVC_NO_ANALYTICS": "1",
            # An arbitrary UID has no home and no name in /etc/passwd.
            "HOME": TMP,
            "USER": "dvc",
            "TMPDIR": f"{WORK}/tmp",  # noqa: S108
        }
        if self.shell:
            variables["SHELL"] = self.shell
        return [{"name": name, "value": value} for name, value in variables.items()]


def template(name: str, task: TaskSpec, environment: Environment) -> dict[str, Any]:
    """Return the template of one kind of pod."""
    pod = task.resources
    settings = pod.pod
    volumes, mounts = volumes_and_mounts(settings)
    metadata = (("labels", settings.labels), ("annotations", settings.annotations))
    rendered: dict[str, Any] = {
        "name": name,
        "metadata": {key: dict(pairs) for key, pairs in metadata if pairs},
        "inputs": {"parameters": [{"name": "g"}]},
        "retryStrategy": retry_strategy(task),
        "activeDeadlineSeconds": _deadline(task),
        PENDING_TIMEOUT: f"{settings.pending_timeout}s" if settings.pending_timeout else None,
        "nodeSelector": dict(pod.node_selector),
        "tolerations": [dict(toleration) for toleration in pod.tolerations],
        "affinity": json.loads(settings.affinity or "{}"),
        "priorityClassName": settings.priority_class,
        "serviceAccountName": settings.service_account,
        "securityContext": _security_context(settings, environment),
        "volumes": [*worker_volumes(environment.argo), *volumes],
        "initContainers": worker_init_containers(environment.argo),
        "podSpecPatch": pod_patch(pod, environment.argo),
    }
    present = {key: value for key, value in rendered.items() if value}
    return present | {"container": _container(task, environment, mounts)}


def _deadline(task: TaskSpec) -> int | None:
    """Return when Kubernetes ends a pod whose worker does not end by itself, in seconds."""
    return task.timeout_s + START_S if task.timeout_s else None


def _time_limit(task: TaskSpec) -> str | None:
    """Return the time limit of the worker, as an expression if it differs by attempt."""
    if task.timeouts_s:
        return by_attempt([str(seconds) for seconds in task.timeouts_s])
    return str(task.timeout_s) if task.timeout_s else None


def _security_context(settings: PodSettings, environment: Environment) -> dict[str, Any] | None:
    """Return the context of a pod with a new disk, which belongs to root without a group."""
    user = environment.argo.user
    if user is None or not any(volume.ephemeral for _, volume in settings.volumes):
        return None
    return security_context(environment.argo) | {"fsGroup": user}


def security_context(argo: ArgoSettings) -> dict[str, Any]:
    """Return the security context of all pods."""
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return context if argo.user is None else context | {"runAsUser": argo.user}


def _container(
    task: TaskSpec, environment: Environment, mounts: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    pod = task.resources
    settings, limit = pod.pod, _time_limit(task)
    all_mounts: list[dict[str, Any]] = [
        {"name": "work", "mountPath": WORK},
        {"name": "tmp", "mountPath": TMP},
        *worker_mounts(environment.argo),
        *(
            {"name": volume, "mountPath": folder, "readOnly": True}
            for volume, folder in environment.secret_mounts
        ),
    ]
    own = {mount["mountPath"] for mount in mounts}
    container: dict[str, Any] = {
        "image": pod.image,
        "command": worker_command(environment.argo),
        "args": [GROUP],
        "workingDir": WORK,
        "env": [
            *environment.variables(),
            *([{"name": TIMEOUT, "value": limit}] if limit else []),
            *([{"name": RETRIES, "value": RETRY_NUMBER}] if retry_strategy(task) else []),
            *({"name": name, "value": value} for name, value in settings.env),
        ],
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "volumeMounts": [
            *(mount for mount in all_mounts if mount["mountPath"] not in own),
            *mounts,
        ],
    }
    if environment.argo.image_pull_policy:
        container["imagePullPolicy"] = environment.argo.image_pull_policy
    sources = [
        *({"configMapRef": {"name": name}} for name in settings.env_from),
        *({"secretRef": {"name": name}} for name in pod.secret_env),
    ]
    if sources:
        container["envFrom"] = sources
    if resources := _resources(pod):
        container["resources"] = resources
    return container


def _resources(pod: Resources) -> dict[str, dict[str, str]]:
    settings = pod.pod
    disk = settings.ephemeral_storage
    # Too much memory ends the stage, not other pods of the node; any pod may use idle CPUs.
    rows = (
        ("cpu", pod.cpu, settings.cpu_limit),
        ("memory", pod.memory, settings.memory_limit or pod.memory),
        ("ephemeral-storage", disk, disk),
        # Kubernetes sets the request of such a resource to its limit.
        (pod.gpu_resource, None, str(pod.gpu) if pod.gpu else None),
    )
    requests = {name: request for name, request, _ in rows if request}
    limits = {name: limit for name, _, limit in rows if limit}
    sections = (("requests", requests), ("limits", limits))
    return {key: amounts for key, amounts in sections if amounts}
