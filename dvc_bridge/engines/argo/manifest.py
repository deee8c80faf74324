"""Tasks -> the manifest of an Argo Workflow, as a plain dict and as YAML.

One template holds the graph, and one each kind of pod. What a task says is its name, its kind of
pod, what it waits for, and which line of the plan it is. Nothing here comes from a command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import yaml

from dvc_bridge.engines.argo.pod_template import Environment, template
from dvc_bridge.engines.argo.status import GROUPS_ANNOTATION, RUN_LABEL
from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.pipeline.settings import ArgoSettings
from dvc_bridge.remote_run.worker_contract import GitCode, Sections, SnapshotCode, store_text

API = "argoproj.io/v1alpha1"
# Kubernetes holds all annotations of an object to 256 KiB together.
ANNOTATION_BYTES = 200_000
KEPT_AFTER_SUCCESS_S, KEPT_AFTER_FAILURE_S = 86_400, 7 * 86_400


class ManifestKind(Enum):
    """What is rendered."""

    WORKFLOW = "Workflow"
    TEMPLATE = "WorkflowTemplate"
    CRON = "CronWorkflow"

    @property
    def limit(self) -> int:
        """How many bytes it may have: what Argo takes, with room for the state of its pods."""
        # A template's text stands twice in the Workflows made from it.
        return 500_000 if self is ManifestKind.TEMPLATE else 900_000


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What holds for all pods of a run.

    Parameters
    ----------
    name
        Of the Workflow or template.
    store
        The settings of the DVC remotes, without secrets.
    code
        By what a pod finds the code.
    argo
        What dvc-bridge.yaml says of the whole Workflow.
    own_run
        Every Workflow is a run of its own; else all are the one that is named here.
    schedule
        Cron expression, for `ManifestKind.CRON`.
    """

    name: str
    store: Sections
    code: SnapshotCode | GitCode
    argo: ArgoSettings
    own_run: bool = False
    kind: ManifestKind = ManifestKind.WORKFLOW
    schedule: str | None = None
    shell: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def manifest(tasks: Sequence[TaskSpec], run: RunSpec) -> dict[str, Any]:
    """Render a manifest; `dvc_bridge.engines.argo.lint` checks it before it is sent."""
    spec = _spec(tasks, run)
    if run.kind is ManifestKind.CRON:
        spec = {
            "schedules": [run.schedule or ""],
            "concurrencyPolicy": "Forbid",  # two runs at once would make the same outs
            "workflowSpec": spec,
        }
    made: dict[str, Any] = {
        "apiVersion": API,
        "kind": run.kind.value,
        "metadata": _name(run),
        "spec": spec,
    }
    if run.argo.namespace:
        made["metadata"]["namespace"] = run.argo.namespace
    if run.labels:
        made["metadata"]["labels"] = dict(sorted(run.labels.items()))
    notes = dict(sorted(run.annotations.items()))
    stages = [task.stages for task in tasks]
    named = _named(stages)
    taken = sum(len(f"{key}{word}".encode()) for key, word in notes.items())
    if tasks and len(named) < ANNOTATION_BYTES - taken:
        notes[GROUPS_ANNOTATION] = named
    if run.own_run:
        # Argo puts these on every Workflow that comes from here; its name is not known before.
        own: dict[str, Any] = {"labelsFrom": {RUN_LABEL: {"expression": "workflow.name"}}}
        spec_of(made)["workflowMetadata"] = own | ({"annotations": notes} if notes else {})
    elif notes:
        made["metadata"]["annotations"] = notes
    return made


def spec_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of the Workflows that a manifest makes."""
    found: dict[str, Any] = made["spec"].get("workflowSpec", made["spec"])
    return found


def _name(run: RunSpec) -> dict[str, Any]:
    several = run.own_run and run.kind is ManifestKind.WORKFLOW
    return {"generateName": f"{run.name}-"} if several else {"name": run.name}


def awaited_tasks(task: Mapping[str, Any]) -> list[str]:
    """Return the words of a task's `depends`; see `name_in`."""
    return [word for word in task.get("depends", "").split("&&") if word]


def name_in(word: str) -> str:
    """Return the task that a word of `depends` is about."""
    return word.removeprefix("!").removesuffix(".Skipped")


def size(made: Mapping[str, Any]) -> int:
    """Count the bytes as Kubernetes keeps them."""
    return len(json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode())


def _named(addresses: Sequence[Sequence[str]]) -> str:
    """Name the stages of each group; in ASCII, and so that Argo sees no expression in it."""
    named = {f"g{number}": list(stages) for number, stages in enumerate(addresses)}
    return json.dumps(named, separators=(",", ":")).replace("{{", "{\\u007b")


def _spec(tasks: Sequence[TaskSpec], run: RunSpec) -> dict[str, Any]:
    kinds: dict[tuple[Any, int | None], str] = {}
    rendered = [
        _task(task, kinds.setdefault((task.resources, task.timeout_s), f"p{len(kinds)}"))
        for task in tasks
    ]
    name, pull = None if run.own_run else run.name, run.argo.image_pull_policy
    files = [(f"secret-{n}", *pair) for n, pair in enumerate(run.argo.secret_files)]
    mounts = tuple((volume, folder) for volume, _, folder in files)
    environment = Environment(
        name, store_text(run.store), run.code.variables(), run.shell, pull, mounts
    )
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if run.argo.user is not None:
        context |= {"runAsUser": run.argo.user}
    spec: dict[str, Any] = {
        "entrypoint": "run",
        "serviceAccountName": run.argo.service_account,
        # The token is for Argo's own containers; a stage has none.
        "automountServiceAccountToken": False,
        "executor": {"serviceAccountName": run.argo.service_account},
        "securityContext": context,
        "podGC": {"strategy": "OnWorkflowSuccess"},
        "ttlStrategy": {
            "secondsAfterSuccess": KEPT_AFTER_SUCCESS_S,
            "secondsAfterFailure": KEPT_AFTER_FAILURE_S,
        },
        "volumes": [
            {"name": "work", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            *({"name": name, "secret": {"secretName": secret}} for name, secret, _ in files),
        ],
        "templates": [
            # What needs nothing of a failed stage goes on.
            {"name": "run", "dag": {"failFast": False, "tasks": rendered}},
            *(template(name, pod, s, environment) for (pod, s), name in kinds.items()),
        ],
    }
    if run.argo.parallelism:
        spec["parallelism"] = run.argo.parallelism
    return spec


def _task(spec: TaskSpec, kind: str) -> dict[str, Any]:
    task = {
        "name": f"g{spec.number}",
        "template": kind,
        "arguments": {"parameters": [{"name": "g", "value": spec.reference}]},
    }
    # A task that only has to come later must not fail with the other: Argo never skips a task,
    # so this holds as soon as that one has ended.
    waits = [f"g{n}" for n in spec.upstream] + [f"!g{n}.Skipped" for n in spec.after]
    return task | {"depends": "&&".join(waits)} if waits else task


class _Line(dict[str, Any]):
    """A mapping that stands on one line."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    _Line,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True),
)


def text(made: Mapping[str, Any]) -> str:
    """Write as YAML, a line a task; equal manifests give equal bytes."""
    return yaml.dump(
        _lined(made),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=float("inf"),
    )


def _lined(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {k: _lined(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_Line(item) if key == "tasks" else _lined(item) for item in value]
    return value
