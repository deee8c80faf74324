"""The manifest of a Workflow that goes on with a run where another one has left it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dvc_bridge.render.argo import name_in, waited_for


def remaining(made: Mapping[str, Any], numbers: Collection[int], name: str) -> dict[str, Any]:
    """Give a Workflow of the same run for those of its groups that are not done.

    Parameters
    ----------
    made
        The one that was submitted.
    numbers
        Of the groups; what they need beside each other is there.
    """
    left = {f"g{number}" for number in numbers}
    templates = []
    for found in made["spec"]["templates"]:
        if "dag" not in found:
            templates.append(found)
            continue
        tasks = [_trimmed(task, left) for task in found["dag"]["tasks"] if task["name"] in left]
        templates.append({**found, "dag": {**found["dag"], "tasks": tasks}})
    used = {task["template"] for t in templates for task in t.get("dag", {}).get("tasks", ())}
    kept = [t for t in templates if "dag" in t or t["name"] in used]
    metadata, spec = {**made["metadata"], "name": name}, {**made["spec"], "templates": kept}
    return {**made, "metadata": metadata, "spec": spec}


def _trimmed(task: Mapping[str, Any], left: Collection[str]) -> dict[str, Any]:
    waits = [word for word in waited_for(task) if name_in(word) in left]
    bare = {key: value for key, value in task.items() if key != "depends"}
    return bare | {"depends": "&&".join(waits)} if waits else bare
