"""Metaflow's `run --with kubernetes`: a pod per task; files travel as artifacts of the flow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.comparison.cluster import (
    ARGO,
    METAFLOW_PROFILE,
    METAFLOW_VARIABLES,
    find_missing,
    read_parallelism,
    write_metaflow_profile,
)
from benchmarks.comparison.graph import Graph, Task
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload
from benchmarks.toolchains.metaflow.toolchain import render

_HEAD = """\
import importlib
from pathlib import Path

from metaflow import FlowSpec, step

main = importlib.import_module({module!r}).main


def run_task(flow, task):
    for name, path in task["inputs"].items():
        Path(path).write_bytes(getattr(flow, name))
    if main(task["arguments"]):
        raise RuntimeError(f"failed: {{task['arguments']}}")
    for name, path in task["outs"].items():
        setattr(flow, name, Path(path).read_bytes())


class Comparison(FlowSpec):
"""


def write_flow(graph: Graph, project: Path, cluster: str) -> None:
    """Write flow.py, whose pods read and write artifacts, and Metaflow's profile."""
    names = {out: f"out{number}" for number, out in enumerate(graph.writer_by_out)}

    def describe(task: Task) -> dict[str, Any]:
        inputs = {names[path]: path for path in task.inputs if path in names}
        outs = {names[path]: path for path in task.outs}
        return {"arguments": list(task.arguments), "inputs": inputs, "outs": outs}

    head = _HEAD.format(module=graph.module)
    call, join = "run_task(self, {})", "self.merge_artifacts(inputs)"
    (project / "flow.py").write_text(render(graph, head, describe, call, join))
    (project / "artifacts.json").write_text(json.dumps(names))
    copy_script("metaflow_kubernetes", "read_outs.py", project)
    write_metaflow_profile(project, cluster)


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the flow, and the script that runs it."""
    write_flow(graph, project, ARGO)
    copy_script("metaflow_kubernetes", "run.py", project)


def list_commands(_graph: Graph, _jobs: int) -> list[list[str]]:
    """Return the command of a run."""
    return [["python", "run.py", "run", read_parallelism(ARGO)]]


def list_resume_commands(_graph: Graph, _jobs: int) -> list[list[str]]:
    """Return the command that continues the last run."""
    return [["python", "run.py", "resume", read_parallelism(ARGO)]]


def find_refusal(workload: Workload, cluster: str) -> str:
    """Refuse the pipeline, which has a flow of its own; without a profile, refuse all."""
    if workload.is_pipeline:
        return "its flow, flows/train.py, hands data over with DVC"
    return find_missing(cluster, METAFLOW_PROFILE)


TOOLCHAIN = Toolchain(
    title="Metaflow run --with kubernetes",
    unit=Unit.FUNCTION,
    skips=Skips.NOTHING,
    write=write,
    commands=list_commands,
    resume_commands=list_resume_commands,
    package="metaflow",
    refusal=lambda workload: find_refusal(workload, ARGO),
    environment=METAFLOW_VARIABLES,
    cluster=ARGO,
    about="a pod per task; files are artifacts, which the client downloads at the end",
)
