"""The volumes of a pod, and where they are mounted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dvc_bridge.pipeline.pod_settings import PodSettings, Volume


def volumes_and_mounts(pod: PodSettings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the volumes that a stage's settings name, and their mounts, as Kubernetes has them."""
    volumes, mounts = [], []
    for number, (folder, volume) in enumerate(pod.volumes):
        name = f"volume-{number}"
        volumes.append({"name": name, **_source(volume)})
        mounts.append({"name": name, "mountPath": folder, **dict(_mount_options(volume))})
    for number, (secret, folder) in enumerate(pod.secret_files):
        name = f"stage-secret-{number}"
        volumes.append({"name": name, "secret": {"secretName": secret}})
        mounts.append({"name": name, "mountPath": folder, "readOnly": True})
    return volumes, mounts


def _source(volume: Volume) -> dict[str, Any]:
    if volume.claim:
        return {"persistentVolumeClaim": {"claimName": volume.claim}}
    if volume.ephemeral:
        claim: dict[str, Any] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": volume.ephemeral}},
        }
        if volume.storage_class:
            claim["storageClassName"] = volume.storage_class
        return {"ephemeral": {"volumeClaimTemplate": {"spec": claim}}}
    if volume.shared_memory:
        return {"emptyDir": {"medium": "Memory", "sizeLimit": volume.shared_memory}}
    return {"emptyDir": {"sizeLimit": volume.empty_dir}}


def _mount_options(volume: Volume) -> Iterator[tuple[str, Any]]:
    if volume.sub_path:
        yield "subPath", volume.sub_path
    if volume.read_only:
        yield "readOnly", True
