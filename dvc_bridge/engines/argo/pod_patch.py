"""The part of a pod that Argo's templates have no fields for, as a patch of its specification."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dvc_bridge.engines.argo.retries import by_attempt
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.task_settings import Resources

# The stage's container has the same context. With the context of the pod it makes a pod that the
# restricted Pod Security Standard allows.
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def pod_patch(pod: Resources, argo: ArgoSettings) -> str:
    """Return the patch of a template as JSON; the user's own patch wins."""
    executor: dict[str, Any] = {"securityContext": RESTRICTED}
    if amounts := executor_resources(argo):
        executor["resources"] = {"requests": amounts, "limits": amounts}
    containers: list[dict[str, Any]] = [{"name": "wait", **executor}]
    if pod.memories:
        memory = {"memory": by_attempt(pod.memories)}
        resources = {"requests": memory, "limits": memory}
        containers.append({"name": "main", "resources": resources})
    patch: dict[str, Any] = {
        "initContainers": [{"name": "init", **executor}],
        "containers": containers,
    }
    if secrets := [s for s in pod.pod.image_pull_secrets if s not in argo.image_pull_secrets]:
        patch["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    if pod.pod.pod_patch:
        patch = _merge(patch, json.loads(pod.pod.pod_patch))
    return json.dumps(patch, ensure_ascii=False, separators=(", ", ": "))


def executor_resources(argo: ArgoSettings) -> dict[str, str]:
    """Return the requests, which are the limits too, of containers that are not a stage's."""
    amounts = (("cpu", argo.executor_cpu), ("memory", argo.executor_memory))
    return {name: amount for name, amount in amounts if amount}


def _merge(patch: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two patches as Kubernetes merges a patch: items of lists by their name."""
    merged = dict(patch)
    for key, value in later.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            merged[key] = _merge_lists(before, value)
        else:
            merged[key] = value
    return merged


def _merge_lists(before: list[Any], later: list[Any]) -> list[Any]:
    if not all(isinstance(item, dict) and "name" in item for item in (*before, *later)):
        return later
    by_name = {item["name"]: item for item in before}
    for item in later:
        by_name[item["name"]] = _merge(by_name.get(item["name"], {}), item)
    return list(by_name.values())
