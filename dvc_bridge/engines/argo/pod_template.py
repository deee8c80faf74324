"""The template of one kind of pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.resources import Resources
from dvc_bridge.remote_run.worker_contract import KILLED, RUN, STORE, TRY_AGAIN

# What Argo itself fills in; nothing else of a manifest may look like this.
RUN_NAME = "{{workflow.name}}"
GROUP = "{{inputs.parameters.g}}"

WORK, TMP = "/work", "/tmp"  # noqa: S108  folders of the pod
# A pod that vanishes shows as Error, as a signal's exit code, or, evicted, with none at all (-1);
# 75 is the worker's own word for a fault of storage or network. A failing command is no such thing.
_CODES = ",".join(map(str, (-1, *KILLED, TRY_AGAIN)))
_LOST = f"(lastRetry.status == 'Error' or asInt(lastRetry.exitCode) in [{_CODES}])"
_NOT_OUT_OF_TIME = " and not (lastRetry.message contains 'longer than the specified deadline')"


@dataclass(frozen=True, slots=True)
class Environment:
    """What every worker is told.

    Parameters
    ----------
    run
        Its name; None: each Workflow is a run of its own, named as it is.
    code
        Variables by which the code is found.
    secret_mounts
        Volumes of Secrets, and their folders.
    """

    run: str | None
    store: str
    code: Mapping[str, str]
    shell: str | None
    image_pull_policy: str | None
    secret_mounts: tuple[tuple[str, str], ...] = ()

    def variables(self) -> list[dict[str, str]]:
        """Return them as a container has them."""
        told = {
            RUN: self.run or RUN_NAME,
            STORE: self.store,
            **self.code,
            "DVC_NO_ANALYTICS": "1",
            # An arbitrary UID has no home, and no name in /etc/passwd.
            "HOME": TMP,
            "USER": "dvc",
            "TMPDIR": f"{WORK}/tmp",  # noqa: S108
        }
        if self.shell:
            told["SHELL"] = self.shell
        return [{"name": name, "value": value} for name, value in told.items()]


def template(
    name: str, pod: Resources, deadline_s: int | None, environment: Environment
) -> dict[str, Any]:
    """Render one kind of pod."""
    made: dict[str, Any] = {"name": name, "inputs": {"parameters": [{"name": "g"}]}}
    if pod.retries:
        made["retryStrategy"] = {
            "limit": str(pod.retries),
            "retryPolicy": "Always",
            "expression": _LOST + (_NOT_OUT_OF_TIME if deadline_s else ""),
        }
    if deadline_s:
        made["activeDeadlineSeconds"] = deadline_s
    if pod.node_selector:
        made["nodeSelector"] = dict(pod.node_selector)
    if pod.tolerations:
        made["tolerations"] = [dict(toleration) for toleration in pod.tolerations]
    made["container"] = _container(pod, environment)
    return made


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
    requests = {key: word for key, word in (("cpu", pod.cpu), ("memory", pod.memory)) if word}
    # Too much memory ends the stage, not its neighbours; idle CPUs are anyone's.
    limits = {"memory": pod.memory} if pod.memory else {}
    if pod.gpu:
        limits["nvidia.com/gpu"] = str(pod.gpu)
    return {key: given for key, given in (("requests", requests), ("limits", limits)) if given}
