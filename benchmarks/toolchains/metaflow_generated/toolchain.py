"""The Metaflow flow that `dvc-bridge flow` generates from dvc.yaml."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.comparison.dvc_project import add_remote, write_dvc_project
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script


def write(graph: Graph, project: Path, jobs: int) -> None:
    """Write the project with a remote, the script, and the flow."""
    write_dvc_project(graph, project)
    add_remote(project)
    copy_script("metaflow_generated", "run.py", project)
    generate_flow(graph, project, jobs)


def generate_flow(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Generate the flow."""
    command = ["dvc-bridge", "flow", "-o", "flow.py", "--name", "Comparison"]
    subprocess.run(command, cwd=project, check=True, capture_output=True)


TOOLCHAIN = Toolchain(
    title="Metaflow, generated flow",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    runs_dvc_bridge=True,
    write=write,
    rewrite=generate_flow,
    commands=lambda _graph, jobs: [["python", "run.py", "flow.py", "Comparison", str(jobs)]],
    resume_commands=lambda _graph, jobs: [
        ["python", "run.py", "flow.py", "Comparison", str(jobs), "resume"]
    ],
    package="metaflow",
    user_files=("dvc.yaml", ".dvc/config", "run.py"),
    about="dvc-bridge flow makes a Metaflow flow of dvc.yaml; steps skip what DVC has",
)
