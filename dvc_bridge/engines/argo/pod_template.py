"""The template of one kind of pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.remote_run.worker_contract import KILLED, RUN, STORE, TRY_AGAIN

# Expressions that Argo replaces; no other text of a manifest may look like this.
RUN_NAME = "{{workflow.name}}"
GROUP = "{{inputs.parameters.g}}"

WORK, TMP = "/work", "/tmp"  # noqa: S108  folders of the pod
# A lost pod shows as Error, as the exit code of a signal, or, if evicted, without one (-1). The
# worker returns 75 after a fault of storage or network. A failed command is not retried.
_CODES = ",".join(map(str, (-1, *KILLED, TRY_AGAIN)))
_LOST = f"(lastRetry.status == 'Error' or asInt(lastRetry.exitCode) in [{_CODES}])"
_NOT_OUT_OF_TIME = " and not (lastRetry.message contains 'longer than the specified deadline')"
# Kubernetes refused to create the pod, and refuses it again.
_NOT_REFUSED = " and not (lastRetry.message matches 'is forbidden|serviceaccounts? .* not found')"


@dataclass(frozen=True, slots=True)
class Environment:
    """The settings of every worker.

    Parameters
    ----------
    run
        The name of the run; None: each Workflow is a run of its own, with the Workflow's name.
    code
        The variables that define the source of the code.
    secret_mounts
        The volumes of Secrets, and their folders.
    """

    run: str | None
    store: str
    code: Mapping[str, str]
    shell: str | None
    image_pull_policy: str | None
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


def template(
    name: str, pod: Resources, deadline_s: int | None, environment: Environment
) -> dict[str, Any]:
    """Return the template of one kind of pod."""
    rendered: dict[str, Any] = {"name": name, "inputs": {"parameters": [{"name": "g"}]}}
    if pod.retries:
        rendered["retryStrategy"] = {
            "limit": str(pod.retries),
            "retryPolicy": "Always",
            "expression": _LOST + _NOT_REFUSED + (_NOT_OUT_OF_TIME if deadline_s else ""),
        }
    if deadline_s:
        rendered["activeDeadlineSeconds"] = deadline_s
    if pod.node_selector:
        rendered["nodeSelector"] = dict(pod.node_selector)
    if pod.tolerations:
        rendered["tolerations"] = [dict(toleration) for toleration in pod.tolerations]
    rendered["container"] = _container(pod, environment)
    return rendered


def _container(pod: Resources, environment: Environment) -> dict[str, Any]:
    container: dict[str, Any] = {
        "image": pod.image,
        "command": ["dvc-bridge", "worker"],
        "args": [GROUP],
        "workingDir": WORK,
        "env": environment.variables(),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "work", "mountPath": WORK},
            {"name": "tmp", "mountPath": TMP},
            *(
                {"name": volume, "mountPath": folder, "readOnly": True}
                for volume, folder in environment.secret_mounts
            ),
        ],
    }
    if environment.image_pull_policy:
        container["imagePullPolicy"] = environment.image_pull_policy
    if pod.secret_env:
        container["envFrom"] = [{"secretRef": {"name": secret}} for secret in pod.secret_env]
    if resources := _resources(pod):
        container["resources"] = resources
    return container


def _resources(pod: Resources) -> dict[str, dict[str, str]]:
    requests = {key: amount for key, amount in (("cpu", pod.cpu), ("memory", pod.memory)) if amount}
    # Too much memory ends the stage, not other pods of the node; any pod may use idle CPUs.
    limits = {"memory": pod.memory} if pod.memory else {}
    if pod.gpu:
        limits["nvidia.com/gpu"] = str(pod.gpu)
    sections = (("requests", requests), ("limits", limits))
    return {key: amounts for key, amounts in sections if amounts}
