"""Dagster in one process: ops run one after the other."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the graph, and the job over it."""
    (project / "graph.json").write_text(graph.to_json())
    copy_script("dagster", "run.py", project)


def refusal(workload: Workload) -> str:
    """Refuse the pipeline: its packages are not in Dagster's environment."""
    return "its environment has no packages of the pipeline" if workload.is_pipeline else ""


TOOLCHAIN = Toolchain(
    title="Dagster",
    unit=Unit.FUNCTION,
    skips=Skips.NOTHING,
    write=write,
    commands=lambda _graph, _jobs: [["{bin}/python", "run.py"]],
    package="dagster",
    refusal=refusal,
    environment={"DAGSTER_DISABLE_TELEMETRY": "1"},
    user_files=("graph.json", "run.py"),
    about="functions in one process, one after the other, with an event log in memory",
)
