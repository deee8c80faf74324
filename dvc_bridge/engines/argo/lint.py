"""What is wrong with a manifest that Argo would take and then not run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from dvc_bridge.engines.argo.manifest import ManifestKind, awaited_tasks, name_in, size, spec_of
from dvc_bridge.engines.argo.pod_template import GROUP, RUN_NAME
from dvc_bridge.engines.argo.schema import validate_all
from dvc_bridge.engines.argo.workflow_split import RUN_TOLD, parts
from dvc_bridge.errors import UsageError

_OURS = (GROUP, RUN_NAME, RUN_TOLD)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# A Workflow's name is a label of its pods; a CronWorkflow adds the minute to its own.
_NAME_CHARS = {ManifestKind.WORKFLOW: 63, ManifestKind.TEMPLATE: 57, ManifestKind.CRON: 52}
_CRON_FIELDS = 5
_GENERATED = 5  # characters that Kubernetes adds to a generateName
_SHOWN = 10


def check(made: Mapping[str, Any]) -> None:
    """Check that Argo will run what it takes.

    Raises
    ------
    UsageError
        It will not; all problems in one message.
    """
    if found := problems(made):
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise UsageError(
            "\n".join(found[:_SHOWN] + more), "correct dvc-bridge.yaml, or run fewer stages at once"
        )


def checked_parts(made: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a manifest, none of which Argo will refuse.

    Raises
    ------
    UsageError
        Argo would not run one of them.
    """
    found = parts(made)
    for part in found:
        check(part)
    validate_all(found)
    return found


def problems(made: Mapping[str, Any]) -> list[str]:
    """Return all that is wrong with a manifest of `dvc_bridge.engines.argo.manifest.manifest`."""
    kind = ManifestKind(made["kind"])
    spec = spec_of(made)
    templates = spec["templates"]
    tasks = [task for t in templates for task in t.get("dag", {}).get("tasks", ())]
    return [
        *_names(made, kind),
        *_templates(templates, spec["entrypoint"], tasks),
        *_graph(tasks),
        *_expressions(made, ""),
        *_sizes(made, kind),
    ]


def _names(made: Mapping[str, Any], kind: ManifestKind) -> Iterator[str]:
    meta = made["metadata"]
    name = meta.get("name") or f"{meta['generateName']}{'x' * _GENERATED}"
    if not _NAME.fullmatch(name) or len(name) > _NAME_CHARS[kind]:
        yield (
            f"{name!r} is no name for a {kind.value}: at most {_NAME_CHARS[kind]} small letters, "
            "digits and -"
        )
    if kind is ManifestKind.CRON and len(made["spec"]["schedules"][0].split()) != _CRON_FIELDS:
        yield f"{made['spec']['schedules'][0]!r} is no schedule: five fields, as in '0 6 * * 1'"


def _templates(
    templates: Sequence[Mapping[str, Any]], entry: str, tasks: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    known = Counter(t["name"] for t in templates)
    yield from (f"two templates are named {name}" for name, n in known.items() if n > 1)
    for used in sorted({entry, *(task["template"] for task in tasks)} - known.keys()):
        yield f"there is no template {used}"
    for found in templates:
        if "container" in found and not found["container"]["image"]:
            yield "a stage has no image: name one as argo.image in dvc-bridge.yaml"


def _graph(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = Counter(task["name"] for task in tasks)
    yield from (f"two tasks are named {name}" for name, n in names.items() if n > 1)
    before = {}
    for task in tasks:
        waits = [name_in(word) for word in awaited_tasks(task)]
        before[task["name"]] = waits
        for lost in [name for name in waits if name not in names]:
            yield f"{task['name']} waits for {lost}, which there is not"
    try:
        TopologicalSorter(before).prepare()
    except CycleError as exc:
        yield f"tasks wait for each other: {' -> '.join(reversed(exc.args[1]))}"


def _expressions(value: Any, where: str) -> Iterator[str]:
    """Find text that Argo would take for an expression, but for our own."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if "{{" in key:
                yield f"{where}: the key {key!r} holds {{{{, which Argo would interpret"
            yield from _expressions(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _expressions(inner, f"{where}[{i}]")
    elif isinstance(value, str) and "{{" in value and value not in _OURS:
        if where.endswith(".resource.manifest") and "{{" not in re.sub("|".join(_OURS), "", value):
            return  # what makes the next part of the run: `dvc_bridge.engines.argo.workflow_split`
        yield f"{where} holds {{{{, which Argo would interpret: {value[:80]!r}"


def _sizes(made: Mapping[str, Any], kind: ManifestKind) -> Iterator[str]:
    if (count := size(made)) > kind.limit:
        yield f"{count:,} bytes: a {kind.value} may have {kind.limit:,}"
