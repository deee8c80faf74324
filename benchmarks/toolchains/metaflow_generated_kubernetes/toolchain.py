"""The flow that `dvc-bridge flow` generates, with a pod per stage: `run --with kubernetes`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.comparison.cluster import (
    METAFLOW_PROFILE,
    METAFLOW_VARIABLES,
    find_missing,
    read_parallelism,
    write_cluster_project,
    write_metaflow_profile,
)
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script

CLUSTER = "COMPARISON_ARGO"


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the project with its remote and Metaflow's profile, and generate the flow."""
    write_cluster_project(graph, project, CLUSTER)
    write_metaflow_profile(project, CLUSTER)
    copy_script("metaflow_generated", "run.py", project)
    command = ["dvc-bridge", "flow", "-o", "flow.py", "--name", "Comparison"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)


def list_commands(command: str) -> list[list[str]]:
    """Return the command that runs the flow, or continues its last run, and merges the results."""
    script = ["python", "run.py", "flow.py", "Comparison", read_parallelism(CLUSTER)]
    return [[*script, command, "--with", "kubernetes"]]


TOOLCHAIN = Toolchain(
    title="Metaflow, generated flow --with kubernetes",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=write,
    commands=lambda _graph, _jobs: list_commands("run"),
    resume_commands=lambda _graph, _jobs: list_commands("resume"),
    package="metaflow",
    refusal=lambda _workload: find_missing(CLUSTER, METAFLOW_PROFILE),
    environment=METAFLOW_VARIABLES,
    cluster=CLUSTER,
    about="a pod per stage of dvc.yaml; data moves through the DVC remote",
)
