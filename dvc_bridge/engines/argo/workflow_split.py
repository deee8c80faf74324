"""Splitting a manifest with too many pods for one Workflow into a sequence of Workflows.

The first Workflow contains the first pods. Each of the others is a WorkflowTemplate, which exists
before the first Workflow starts: the last task of the previous Workflow, a pod of Argo, creates a
Workflow from it. No client has to be running.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from dvc_bridge.engines.argo.manifest import (
    API,
    ManifestKind,
    awaited_tasks,
    name_in,
    size,
    spec_of,
)
from dvc_bridge.engines.argo.pod_template import RUN_NAME, TMP
from dvc_bridge.engines.argo.status import NEXT, RUN_LABEL
from dvc_bridge.planning.grouping.split import cut

# How many pods a Workflow has at most: the controller walks the whole graph for each that changes.
MOST_PODS = 500
# The parameter with the run of a later part, for runs whose name is not known in advance.
RUN_PARAMETER = "{{workflow.parameters.run}}"
_HASH_CHARS = 8
# Rules of a cluster for its pods: queues, costs, nodes.
_SHARED = ("metadata", "nodeSelector", "tolerations", "affinity", "priorityClassName")
# Argo's init container writes the manifest to /tmp, where some images do not let every user write;
# the main container already has such a volume.
_WITH_TMP = json.dumps(
    {
        "volumes": [{"name": "next", "emptyDir": {}}],
        "initContainers": [{"name": "init", "volumeMounts": [{"name": "next", "mountPath": TMP}]}],
    }
)


def split_workflow(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Split a manifest of `dvc_bridge.engines.argo.manifest.manifest`.

    Returns
    -------
    list
        The first part, of the same kind as the manifest, and the others in order; only the manifest
        if all of it fits into one Workflow.
    """
    tasks = _tasks(spec_of(manifest))
    index_of = {task["name"]: i for i, task in enumerate(tasks)}
    waits = [[index_of[name_in(operand)] for operand in awaited_tasks(task)] for task in tasks]
    most = MOST_PODS
    while True:
        workflows = _split(manifest, cut(waits, most))
        # Pods of many kinds take more bytes than pods of one kind.
        if most == 1 or all(size(part) <= ManifestKind(part["kind"]).limit for part in workflows):
            return workflows
        most = max(1, min(most, len(tasks)) // 2)


def keep_tasks(manifest: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the spec of a Workflow with only some of its tasks.

    Conditions on other tasks are removed.
    """
    selected = set(names)
    templates = []
    for template in spec_of(manifest)["templates"]:
        if "dag" not in template:
            templates.append(template)
            continue
        graph = template["dag"]
        tasks = [_trim(task, selected) for task in graph["tasks"] if task["name"] in selected]
        templates.append({**template, "dag": {**graph, "tasks": tasks}})
    template_names = {
        task["template"] for t in templates for task in t.get("dag", {}).get("tasks", ())
    }
    return {
        **spec_of(manifest),
        "templates": [t for t in templates if "dag" in t or t["name"] in template_names],
    }


def _trim(task: Mapping[str, Any], selected: set[str]) -> dict[str, Any]:
    waits = [operand for operand in awaited_tasks(task) if name_in(operand) in selected]
    bare = {key: value for key, value in task.items() if key != "depends"}
    return bare | {"depends": "&&".join(waits)} if waits else bare


def _split(manifest: Mapping[str, Any], cuts: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    if len(cuts) < 2:
        return [dict(manifest)]
    names = [task["name"] for task in _tasks(spec_of(manifest))]
    chain = _Chain(manifest)
    parts = []
    for number, pods in enumerate(cuts, 1):
        spec = keep_tasks(manifest, [names[pod] for pod in pods])
        if number < len(cuts):
            spec = chain.with_next(spec, number + 1)
        parts.append(chain.first(spec) if number == 1 else chain.later(spec, number))
    return parts


class _Chain:
    """Builds parts that refer to the next part by name.

    The templates of a run are named after the run. The templates of a manifest for many runs are
    named by a hash of their content, so that a run never continues with a part of another manifest.
    """

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self._manifest = manifest
        meta = manifest["metadata"]
        self._own_run = "workflowMetadata" in spec_of(manifest)
        self._labels = meta.get("labels", {})
        self._stem = meta.get("name") or meta["generateName"].removesuffix("-")
        if self._own_run:
            digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
            self._stem += f"-{digest[:_HASH_CHARS]}"

    def with_next(self, spec: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Add the task that creates the Workflow of part `number` when all others have ended."""
        tasks = _tasks(spec)
        awaited = {name_in(operand) for task in tasks for operand in awaited_tasks(task)}
        last = [task["name"] for task in tasks if task["name"] not in awaited]
        # Argo never skips a task, so this condition holds as soon as all have ended, even if some
        # failed: stages that do not depend on a failed one continue in the next part.
        task = {
            "name": f"{NEXT}{number}",
            "template": NEXT,
            "depends": "&&".join(f"!{name}.Skipped" for name in last),
        }
        template = {
            "name": NEXT,
            **_common(spec["templates"]),
            "retryStrategy": {"limit": "3", "retryPolicy": "Always"},
            "podSpecPatch": _WITH_TMP,
            "resource": {"action": "create", "manifest": self._workflow(number)},
        }
        graph = {
            **spec["templates"][0]["dag"],
            # Otherwise only this task would count, and the Workflow would succeed despite failures.
            "target": " ".join([*last, task["name"]]),
            "tasks": [*tasks, task],
        }
        templates = [{**spec["templates"][0], "dag": graph}, *spec["templates"][1:], template]
        return {**spec, "templates": templates}

    def first(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first part."""
        if self._manifest["kind"] == ManifestKind.CRON.value:
            spec = {**self._manifest["spec"], "workflowSpec": spec}
        return {**self._manifest, "spec": spec}

    def later(self, spec: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Return a later part, as a template."""
        if self._own_run:
            spec = {key: value for key, value in spec.items() if key != "workflowMetadata"}
            arguments = {"arguments": {"parameters": [{"name": "run"}]}}
            spec = _replace(spec, RUN_NAME, RUN_PARAMETER) | arguments
        meta = {"name": f"{self._stem}-{number}"}
        if namespace := self._manifest["metadata"].get("namespace"):
            meta["namespace"] = namespace
        if self._labels:
            meta |= {"labels": self._labels}
        return {
            "apiVersion": API,
            "kind": ManifestKind.TEMPLATE.value,
            "metadata": meta,
            "spec": spec,
        }

    def _workflow(self, number: int) -> str:
        run = RUN_NAME if self._own_run else self._stem
        label = RUN_NAME if self._own_run else self._labels[RUN_LABEL]
        spec: dict[str, Any] = {"workflowTemplateRef": {"name": f"{self._stem}-{number}"}}
        if self._own_run:
            spec["arguments"] = {"parameters": [{"name": "run", "value": run}]}
        meta = {"name": f"{run}-{number}", "labels": {RUN_LABEL: label}}
        manifest = {
            "apiVersion": API,
            "kind": ManifestKind.WORKFLOW.value,
            "metadata": meta,
            "spec": spec,
        }
        return yaml.safe_dump(manifest, sort_keys=False, width=1000)


def _common(templates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings that all pods share and that Argo's own pod needs too, such as labels."""
    first, *others = [template for template in templates if "container" in template]
    shared = (key for key in _SHARED if key in first)
    return {key: first[key] for key in shared if all(t.get(key) == first[key] for t in others)}


def _tasks(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = spec["templates"][0]["dag"]["tasks"]
    return tasks


def _replace(value: Any, old: str, new: str) -> Any:
    """Replace a text in all strings of a value."""
    if isinstance(value, Mapping):
        return {key: _replace(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replace(inner, old, new) for inner in value]
    return value.replace(old, new) if isinstance(value, str) else value
