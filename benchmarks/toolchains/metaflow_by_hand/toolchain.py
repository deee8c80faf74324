"""The flow of the pipeline, written by hand with `@dvc_stage`: flows/train.py."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.dvc_project import add_remote, write_dvc_project
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the project with a remote, and the script that runs the flow and merges its results."""
    write_dvc_project(graph, project)
    add_remote(project)
    copy_script("metaflow_generated", "run.py", project)


def refusal(workload: Workload) -> str:
    """Refuse all but the pipeline."""
    return "" if workload.is_pipeline else "flows/train.py is the flow of the pipeline"


TOOLCHAIN = Toolchain(
    title="Metaflow, flow by hand with @dvc_stage",
    unit=Unit.FUNCTION,
    skips=Skips.CONTENT,
    runs_dvc_bridge=True,
    write=write,
    commands=lambda _graph, jobs: [
        ["python", "run.py", "flows/train.py", "TrainFlow", str(jobs)],
    ],
    package="metaflow",
    refusal=refusal,
    about="steps call the functions of the stages, and skip what DVC has",
)
