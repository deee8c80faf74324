"""The worker in pods whose image has no dvc-bridge: an init container copies it into a volume."""

from __future__ import annotations

from typing import Any

from dvc_bridge.engines.argo.pod_patch import RESTRICTED, executor_resources
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.remote_run.worker_contract import PORTABLE_FOLDER

_VOLUME, _TARGET = "worker", "/worker-files"
# Without -I, Python would read the variables and folders that an image sets for its own Python.
_MODULE = (f"{PORTABLE_FOLDER}/bin/python3", "-I", "-m")


def worker_command(argo: ArgoSettings) -> list[str]:
    """Return the command of a worker, without the reference of its task."""
    return [*_MODULE, "dvc_bridge", "worker"] if argo.worker_image else ["dvc-bridge", "worker"]


def worker_volumes(argo: ArgoSettings) -> list[dict[str, Any]]:
    """Return the volume of the worker's files, if pods have one."""
    return [{"name": _VOLUME, "emptyDir": {}}] if argo.worker_image else []


def worker_mounts(argo: ArgoSettings) -> list[dict[str, Any]]:
    """Return the mount of the worker's files in the stage's container."""
    mount = {"name": _VOLUME, "mountPath": PORTABLE_FOLDER, "readOnly": True}
    return [mount] if argo.worker_image else []


def worker_init_containers(argo: ArgoSettings) -> list[dict[str, Any]]:
    """Return the container that copies the worker's files into the volume."""
    if not argo.worker_image:
        return []
    container: dict[str, Any] = {
        "name": "worker",
        "image": argo.worker_image,
        "command": [*_MODULE, "dvc_bridge.worker.portable", _TARGET],
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": _VOLUME, "mountPath": _TARGET}],
    }
    if argo.image_pull_policy:
        container["imagePullPolicy"] = argo.image_pull_policy
    if amounts := executor_resources(argo):
        container["resources"] = {"requests": amounts, "limits": amounts}
    return [container]
