"""Argo by hand: a pod per stage, which clones, fetches DVC's run cache, runs, and pushes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.comparison.cluster import (
    ARGO,
    find_argo,
    find_folder,
    find_missing,
    read_argo_settings,
    write_cluster_project,
)
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Argv, Skips, Toolchain, Unit
from dvc_bridge.pipeline.argo_settings import ArgoSettings

_BRANCH = "comparison"
# No pod has the dvc.lock of another one. `dvc repro` finds in the run cache what other pods ran.
_SCRIPT = """\
set -e
git clone --quiet --depth 1 --branch {branch} {url} /tmp/project
cd /tmp/project
dvc fetch --run-cache
dvc repro --pull {{{{inputs.parameters.stage}}}}
dvc push --run-cache {{{{inputs.parameters.stage}}}}
"""


def create_toolchain(cluster: str, title: str) -> Toolchain:
    """Return the toolchain on the cluster that an environment variable names."""

    def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
        write_cluster_project(graph, project, cluster)
        url = _run_git(find_folder(cluster), "remote", "get-url", "origin").strip()
        _run_git(project, "remote", "add", "origin", url)
        workflow = render(graph, url, read_argo_settings(cluster))
        (project / "workflow.json").write_text(json.dumps(workflow, indent=1))

    def list_commands(_graph: Graph, _jobs: int) -> list[Argv]:
        namespace = read_argo_settings(cluster).namespace or "default"
        return [
            ["git", "add", "--all"],
            ["git", "commit", "--quiet", "--allow-empty", "--message", "Run"],
            ["git", "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{_BRANCH}"],
            [find_argo(), "submit", "--wait", "--namespace", namespace, "workflow.json"],
            ["dvc", "fetch", "--run-cache"],
            ["dvc", "repro", "--pull"],
        ]

    return Toolchain(
        title=title,
        unit=Unit.COMMAND,
        skips=Skips.CONTENT,
        write=write,
        commands=list_commands,
        version_command=(find_argo(), "version", "--short"),
        refusal=lambda _workload: find_missing(cluster, ".git/config"),
        cluster=cluster,
        about="a pod per stage; the run cache in the remote hands results on, here at the end too",
    )


def render(graph: Graph, url: str, settings: ArgoSettings) -> dict[str, Any]:
    """Return the Workflow: a template for all stages, and their order."""
    tasks = [
        {
            "name": _name(task.name),
            "template": "stage",
            "dependencies": [_name(name) for name in graph.upstream(task)],
            "arguments": {"parameters": [{"name": "stage", "value": task.name}]},
        }
        for task in graph.tasks
    ]
    container = {
        "image": settings.image,
        "imagePullPolicy": settings.image_pull_policy or "IfNotPresent",
        "command": ["sh", "-c", _SCRIPT.format(branch=_BRANCH, url=url)],
        "envFrom": [{"secretRef": {"name": name}} for name in settings.secrets],
    }
    inputs = {"parameters": [{"name": "stage"}]}
    spec: dict[str, Any] = {
        "entrypoint": "graph",
        "serviceAccountName": settings.service_account,
        "templates": [
            {"name": "graph", "dag": {"tasks": tasks}},
            {"name": "stage", "inputs": inputs, "container": container},
        ],
    }
    if settings.parallelism:
        spec["parallelism"] = settings.parallelism
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "by-hand-"},
        "spec": spec,
    }


def _name(stage: str) -> str:
    return re.sub("[^A-Za-z0-9]", "-", stage)


def _run_git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


TOOLCHAIN = create_toolchain(ARGO, "a pod per stage by hand, argo")
