"""Rendering of tasks as the manifest of an Argo Workflow, as a plain dict and as YAML.

One template contains the graph, and there is one template for each kind of pod. A task consists of
its name, its kind of pod, the tasks that it waits for, and its reference in the plan. No part of
the manifest comes from the command of a stage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import yaml

from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.engines.argo.cron_schedule import cron_fields
from dvc_bridge.engines.argo.pod_template import Environment, security_context, template
from dvc_bridge.engines.argo.status import GROUPS_ANNOTATION, RUN_LABEL
from dvc_bridge.engines.base import TaskSpec
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.remote_run.worker_contract import GitCode, SnapshotCode, store_text

API = "argoproj.io/v1alpha1"
# Kubernetes limits all annotations of an object together to 256 KiB.
ANNOTATION_BYTES = 200_000
KEPT_AFTER_SUCCESS_S, KEPT_AFTER_FAILURE_S = 86_400, 7 * 86_400


class ManifestKind(Enum):
    """The kind of Kubernetes object that is rendered."""

    WORKFLOW = "Workflow"
    TEMPLATE = "WorkflowTemplate"
    CRON = "CronWorkflow"

    @property
    def limit(self) -> int:
        """The size limit in bytes, which leaves room for the status of the pods."""
        # Workflows that are created from a template contain its text twice.
        return 500_000 if self is ManifestKind.TEMPLATE else 900_000


@dataclass(frozen=True, slots=True)
class RunSpec:
    """The settings that all pods of a run share.

    Parameters
    ----------
    name
        The name of the Workflow or template.
    store
        The settings of the DVC remotes, without secrets.
    code
        The source of the code.
    argo
        The settings of the Workflow in dvc-bridge.yaml.
    own_run
        Whether every Workflow is a separate run; otherwise all belong to the run `name`.
    schedule
        The cron expression, for `ManifestKind.CRON`.
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
        spec = {**cron_fields(run.schedule or "", run.argo), "workflowSpec": spec}
    document: dict[str, Any] = {
        "apiVersion": API,
        "kind": run.kind.value,
        "metadata": _name(run),
        "spec": spec,
    }
    if run.argo.namespace:
        document["metadata"]["namespace"] = run.argo.namespace
    if run.labels:
        document["metadata"]["labels"] = dict(sorted(run.labels.items()))
    notes = dict(sorted(run.annotations.items()))
    stages = [task.stages for task in tasks]
    groups = _groups_json(stages)
    size_bytes = sum(len(f"{key}{value}".encode()) for key, value in notes.items())
    if tasks and len(groups) < ANNOTATION_BYTES - size_bytes:
        notes[GROUPS_ANNOTATION] = groups
    if run.own_run:
        # Argo adds these to every Workflow of this manifest, whose name is not known in advance.
        own: dict[str, Any] = {"labelsFrom": {RUN_LABEL: {"expression": "workflow.name"}}}
        spec_of(document)["workflowMetadata"] = own | ({"annotations": notes} if notes else {})
    elif notes:
        document["metadata"]["annotations"] = notes
    return document


def spec_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec of the Workflows that a manifest creates."""
    spec: dict[str, Any] = document["spec"].get("workflowSpec", document["spec"])
    return spec


def _name(run: RunSpec) -> dict[str, Any]:
    is_unnamed = run.own_run and run.kind is ManifestKind.WORKFLOW
    return {"generateName": f"{run.name}-"} if is_unnamed else {"name": run.name}


def awaited_tasks(task: Mapping[str, Any]) -> list[str]:
    """Return the operands of a task's `depends`; see `name_in`."""
    return [operand for operand in task.get("depends", "").split("&&") if operand]


def name_in(operand: str) -> str:
    """Return the name of the task in an operand of `depends`."""
    return operand.removeprefix("!").removesuffix(".Skipped")


def size(document: Mapping[str, Any]) -> int:
    """Return the size in bytes as Kubernetes stores the object."""
    return len(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode())


def _groups_json(addresses: Sequence[Sequence[str]]) -> str:
    """Return the stages of each group as JSON in ASCII that contains no expression of Argo."""
    groups = {f"g{number}": list(stages) for number, stages in enumerate(addresses)}
    return json.dumps(groups, separators=(",", ":")).replace("{{", "{\\u007b")


def _spec(tasks: Sequence[TaskSpec], run: RunSpec) -> dict[str, Any]:
    kinds: dict[tuple[Any, ...], tuple[str, TaskSpec]] = {}
    rendered = []
    for task in tasks:
        settings = (task.resources, task.timeout_s, task.timeouts_s)
        kind, _ = kinds.setdefault(settings, (f"p{len(kinds)}", task))
        rendered.append(_task(task, kind))
    files = [(f"secret-{n}", *pair) for n, pair in enumerate(run.argo.secret_files)]
    mounts = tuple((volume, folder) for volume, _, folder in files)
    environment = Environment(
        None if run.own_run else run.name,
        store_text(run.store),
        run.code.variables(),
        run.shell,
        run.argo,
        mounts,
    )
    spec: dict[str, Any] = {
        "entrypoint": "run",
        "serviceAccountName": run.argo.service_account,
        # Only Argo's own containers get a token; stages have none.
        "automountServiceAccountToken": False,
        "executor": {"serviceAccountName": run.argo.service_account},
        "securityContext": security_context(run.argo),
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
            # Tasks that do not depend on a failed one continue.
            {"name": "run", "dag": {"failFast": False, "tasks": rendered}},
            *(template(name, task, environment) for name, task in kinds.values()),
        ],
    }
    if run.argo.parallelism:
        spec["parallelism"] = run.argo.parallelism
    if run.argo.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in run.argo.image_pull_secrets]
    return spec


def _task(spec: TaskSpec, kind: str) -> dict[str, Any]:
    task = {
        "name": f"g{spec.number}",
        "template": kind,
        "arguments": {"parameters": [{"name": "g", "value": spec.reference}]},
    }
    # A task that only has to run later must not fail with the other. Argo never skips a task, so
    # this condition holds as soon as the other task has ended.
    waits = [f"g{n}" for n in spec.upstream] + [f"!g{n}.Skipped" for n in spec.after]
    return task | {"depends": "&&".join(waits)} if waits else task


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(
    _Line,
    lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True),
)


def text(document: Mapping[str, Any]) -> str:
    """Return the manifest as YAML, one line per task; equal manifests produce equal bytes."""
    return yaml.dump(
        _with_one_line_tasks(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=float("inf"),
    )


def _with_one_line_tasks(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {k: _with_one_line_tasks(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_Line(item) if key == "tasks" else _with_one_line_tasks(item) for item in value]
    return value
