"""A manifest with more pods than a Workflow should hold, as Workflows that follow each other.

The first of them holds the pods that come first. Each of the others is a WorkflowTemplate, which
is there before the first begins: the last task of the Workflow before, a pod of Argo's own, makes a
Workflow from it. Nobody else has to be there.
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
from dvc_bridge.planning.grouping import split

# What a Workflow of a later part is told, where its run's name is not known before.
RUN_TOLD = "{{workflow.parameters.run}}"
_HASH_CHARS = 8
# Argo's first container writes the manifest there, where not any user may write in any image; its
# main one has such a volume already.
_WITH_TMP = json.dumps(
    {
        "volumes": [{"name": "next", "emptyDir": {}}],
        "initContainers": [{"name": "init", "volumeMounts": [{"name": "next", "mountPath": TMP}]}],
    }
)


def parts(made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cut a manifest of `dvc_bridge.engines.argo.manifest.manifest`.

    Returns
    -------
    list
        The first part, of the manifest's own kind, and the others, in order; the manifest alone if
        all of it fits.
    """
    tasks = _tasks(spec_of(made))
    place = {task["name"]: i for i, task in enumerate(tasks)}
    waits = [[place[name_in(word)] for word in awaited_tasks(task)] for task in tasks]
    most = split.MOST_PODS
    while True:
        found = _cut(made, split.cut(waits, most))
        # Pods of many kinds take more bytes than pods of one.
        if most == 1 or all(size(part) <= ManifestKind(part["kind"]).limit for part in found):
            return found
        most = max(1, min(most, len(tasks)) // 2)


def keep_tasks(made: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the templates of a Workflow that has these of its tasks alone.

    What the tasks need of others has been done before, or is of no account.
    """
    left = set(names)
    templates = []
    for found in spec_of(made)["templates"]:
        if "dag" not in found:
            templates.append(found)
            continue
        tasks = [_trimmed(task, left) for task in found["dag"]["tasks"] if task["name"] in left]
        templates.append({**found, "dag": {**found["dag"], "tasks": tasks}})
    used = {task["template"] for t in templates for task in t.get("dag", {}).get("tasks", ())}
    return {**spec_of(made), "templates": [t for t in templates if "dag" in t or t["name"] in used]}


def _trimmed(task: Mapping[str, Any], left: set[str]) -> dict[str, Any]:
    waits = [word for word in awaited_tasks(task) if name_in(word) in left]
    bare = {key: value for key, value in task.items() if key != "depends"}
    return bare | {"depends": "&&".join(waits)} if waits else bare


def _cut(made: Mapping[str, Any], cuts: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    if len(cuts) < 2:
        return [dict(made)]
    names = [task["name"] for task in _tasks(spec_of(made))]
    chain = _Chain(made)
    found = []
    for number, pods in enumerate(cuts, 1):
        spec = keep_tasks(made, [names[pod] for pod in pods])
        if number < len(cuts):
            spec = chain.with_next(spec, number + 1)
        found.append(chain.first(spec) if number == 1 else chain.later(spec, number))
    return found


class _Chain:
    """Parts that know the next one by name.

    The templates of a run have its name. Those of a manifest that makes many runs are named by what
    they hold, so that a run that goes on never gets a part of another manifest.
    """

    def __init__(self, made: Mapping[str, Any]) -> None:
        self._made = made
        meta = made["metadata"]
        self._own_run = "workflowMetadata" in spec_of(made)
        self._labels = meta.get("labels", {})
        self._stem = meta.get("name") or meta["generateName"].removesuffix("-")
        if self._own_run:
            digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
            self._stem += f"-{digest[:_HASH_CHARS]}"

    def with_next(self, spec: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Add the task that makes the Workflow of part `number` when all others have ended."""
        tasks = _tasks(spec)
        waited = {name_in(word) for task in tasks for word in awaited_tasks(task)}
        last = [task["name"] for task in tasks if task["name"] not in waited]
        # No task is ever skipped, so this holds as soon as all have ended, well or badly: what
        # needs nothing of a failed stage goes on.
        task = {
            "name": f"{NEXT}{number}",
            "template": NEXT,
            "depends": "&&".join(f"!{name}.Skipped" for name in last),
        }
        template = {
            "name": NEXT,
            "retryStrategy": {"limit": "3", "retryPolicy": "Always"},
            "podSpecPatch": _WITH_TMP,
            "resource": {"action": "create", "manifest": self._workflow(number)},
        }
        graph = {
            **spec["templates"][0]["dag"],
            # Else it would count alone, and the Workflow succeed in spite of a failed pod.
            "target": " ".join([*last, task["name"]]),
            "tasks": [*tasks, task],
        }
        templates = [{**spec["templates"][0], "dag": graph}, *spec["templates"][1:], template]
        return {**spec, "templates": templates}

    def first(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first part."""
        if self._made["kind"] == ManifestKind.CRON.value:
            spec = {**self._made["spec"], "workflowSpec": spec}
        return {**self._made, "spec": spec}

    def later(self, spec: Mapping[str, Any], number: int) -> dict[str, Any]:
        """Return another one, as a template."""
        if self._own_run:
            spec = {key: value for key, value in spec.items() if key != "workflowMetadata"}
            told = {"arguments": {"parameters": [{"name": "run"}]}}
            spec = _replaced(spec, RUN_NAME, RUN_TOLD) | told
        meta = {"name": f"{self._stem}-{number}"}
        if namespace := self._made["metadata"].get("namespace"):
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
        made = {
            "apiVersion": API,
            "kind": ManifestKind.WORKFLOW.value,
            "metadata": meta,
            "spec": spec,
        }
        return yaml.safe_dump(made, sort_keys=False, width=1000)


def _tasks(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["templates"][0]["dag"]["tasks"]
    return found


def _replaced(value: Any, old: str, new: str) -> Any:
    """Put one text for another wherever it stands."""
    if isinstance(value, Mapping):
        return {key: _replaced(inner, old, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, old, new) for inner in value]
    return value.replace(old, new) if isinstance(value, str) else value
