"""The flow that `dvc-bridge flow` generates, with a pod per stage: `run --with kubernetes`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.cluster import (
    ARGO,
    METAFLOW_PROFILE,
    METAFLOW_VARIABLES,
    find_missing,
    read_parallelism,
    write_cluster_project,
    write_metaflow_profile,
)
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.toolchains.metaflow_generated.toolchain import generate_flow


def write(graph: Graph, project: Path, jobs: int) -> None:
    """Write the project with its remote and Metaflow's profile, and generate the flow."""
    write_cluster_project(graph, project, ARGO)
    write_metaflow_profile(project, ARGO)
    copy_script("metaflow_generated", "run.py", project)
    generate_flow(graph, project, jobs)


def list_commands(command: str) -> list[list[str]]:
    """Return the command that runs the flow, or continues its last run, and merges the results."""
    script = ["python", "run.py", "flow.py", "Comparison", read_parallelism(ARGO)]
    return [[*script, command, "--with", "kubernetes"]]


TOOLCHAIN = Toolchain(
    title="Metaflow, generated flow --with kubernetes",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    runs_dvc_bridge=True,
    write=write,
    commands=lambda _graph, _jobs: list_commands("run"),
    resume_commands=lambda _graph, _jobs: list_commands("resume"),
    package="metaflow",
    refusal=lambda _workload: find_missing(ARGO, METAFLOW_PROFILE),
    environment=METAFLOW_VARIABLES,
    cluster=ARGO,
    about="a pod per stage of dvc.yaml; data moves through the DVC remote",
)
