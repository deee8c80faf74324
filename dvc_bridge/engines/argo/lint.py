"""Checks of manifests for problems with which Argo would accept but not run them."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dvc_bridge.engines.argo.cron_schedule import find_schedule_problem
from dvc_bridge.engines.argo.manifest import ManifestKind, awaited_tasks, name_in, size, spec_of
from dvc_bridge.engines.argo.pod_schema import find_pod_problems
from dvc_bridge.engines.argo.pod_template import GROUP, RETRY_NUMBER, RUN_NAME
from dvc_bridge.engines.argo.retries import is_by_attempt
from dvc_bridge.engines.argo.schema import validate_all
from dvc_bridge.engines.argo.workflow_split import RUN_PARAMETER, split_workflow
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.shorten import first_lines

_OURS = (GROUP, RETRY_NUMBER, RUN_NAME, RUN_PARAMETER)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# The name of a Workflow is a label of its pods; a CronWorkflow appends the minute to its name.
_NAME_CHARS = {ManifestKind.WORKFLOW: 63, ManifestKind.TEMPLATE: 57, ManifestKind.CRON: 52}
_GENERATED = 5  # characters that Kubernetes adds to a generateName
_SHOWN = 10


def check(manifest: Mapping[str, Any]) -> None:
    """Check that Argo runs a manifest if it accepts it.

    Raises
    ------
    UsageError
        It does not; one message lists all problems.
    """
    if texts := problems(manifest):
        raise UsageError(
            "\n".join(first_lines(texts, _SHOWN)),
            "correct dvc-bridge.yaml, or run fewer stages at once",
        )


def split_and_check(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a manifest after all checks.

    Raises
    ------
    UsageError
        Argo would not run one of them.
    """
    checked = split_workflow(manifest)
    for part in checked:
        check(part)
    validate_all(checked)
    return checked


def find_name_problem(name: str, kind: ManifestKind) -> str:
    """Return why a name is not valid for a kind of manifest; empty if it is."""
    limit = _NAME_CHARS[kind]
    if _NAME.fullmatch(name) and len(name) <= limit:
        return ""
    return (
        f"{name!r} is not a valid name for a {kind.value}: use at most {limit} lowercase letters,"
        " digits and -"
    )


def problems(manifest: Mapping[str, Any]) -> list[str]:
    """Return all problems of a manifest of `dvc_bridge.engines.argo.manifest.manifest`."""
    kind = ManifestKind(manifest["kind"])
    spec = spec_of(manifest)
    templates = spec["templates"]
    tasks = [task for t in templates for task in t.get("dag", {}).get("tasks", ())]
    return [
        *_names(manifest, kind),
        *_templates(templates, spec["entrypoint"], tasks),
        *_graph(tasks),
        *_expressions(manifest, ""),
        *_sizes(manifest, kind),
    ]


def _names(manifest: Mapping[str, Any], kind: ManifestKind) -> Iterator[str]:
    meta = manifest["metadata"]
    name = meta.get("name") or f"{meta['generateName']}{'x' * _GENERATED}"
    problems_found = [find_name_problem(name, kind)]
    if kind is ManifestKind.CRON:
        problems_found += map(find_schedule_problem, manifest["spec"]["schedules"])
    yield from filter(None, problems_found)


def _templates(
    templates: Sequence[Mapping[str, Any]], entry: str, tasks: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    names = Counter(t["name"] for t in templates)
    yield from (f"two templates are named {name}" for name, n in names.items() if n > 1)
    for name in sorted({entry, *(task["template"] for task in tasks)} - names.keys()):
        yield f"there is no template {name}"
    for pod in templates:
        if "container" in pod:
            yield from _pod(pod)


def _pod(template: Mapping[str, Any]) -> Iterator[str]:
    if not template["container"]["image"]:
        yield "a stage has no image: set argo.image in dvc-bridge.yaml"
    folders = Counter(m["mountPath"] for m in template["container"].get("volumeMounts", ()))
    yield from (f"two volumes of a pod have the folder {f}" for f, n in folders.items() if n > 1)
    names = Counter(entry["name"] for entry in template["container"].get("env", ()))
    yield from (f"two variables of a pod are named {name}" for name, n in names.items() if n > 1)
    if importlib.util.find_spec("kubernetes"):
        patch = json.loads(template.get("podSpecPatch", "{}"))
        yield from find_pod_problems(patch, "V1PodSpec", "pod_patch")
        yield from find_pod_problems(template.get("affinity", {}), "V1Affinity", "affinity")


def _graph(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = Counter(task["name"] for task in tasks)
    yield from (f"two tasks are named {name}" for name, n in names.items() if n > 1)
    upstream = {}
    for task in tasks:
        waits = [name_in(word) for word in awaited_tasks(task)]
        upstream[task["name"]] = waits
        for missing in [name for name in waits if name not in names]:
            yield f"{task['name']} waits for {missing}, which does not exist"
    try:
        TopologicalSorter(upstream).prepare()
    except CycleError as exc:
        yield f"tasks wait for each other: {' -> '.join(reversed(exc.args[1]))}"


def _expressions(value: Any, where: str) -> Iterator[str]:
    """Yield text that Argo would interpret as an expression, except our own expressions."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if "{{" in key:
                yield f"{where}: the key {key!r} contains {{{{, which Argo would interpret"
            yield from _expressions(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _expressions(inner, f"{where}[{i}]")
    elif isinstance(value, str) and "{{" in value and value not in _OURS:
        if is_by_attempt(value):
            return
        if where.endswith(".resource.manifest") and "{{" not in re.sub("|".join(_OURS), "", value):
            return  # the next part of the run: `dvc_bridge.engines.argo.workflow_split`
        yield f"{where} contains {{{{, which Argo would interpret: {value[:80]!r}"


def _sizes(manifest: Mapping[str, Any], kind: ManifestKind) -> Iterator[str]:
    if (count := size(manifest)) > kind.limit:
        yield f"{count:,} bytes: a {kind.value} may have at most {kind.limit:,}"
