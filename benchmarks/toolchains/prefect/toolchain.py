"""Prefect in one process, with the temporary server that it starts itself."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the graph, and the flow over it."""
    (project / "graph.json").write_text(graph.to_json())
    copy_script("prefect", "flow.py", project)


def refusal(workload: Workload) -> str:
    """Refuse the pipeline: its packages are not in Prefect's environment."""
    return "its environment has no packages of the pipeline" if workload.is_pipeline else ""


TOOLCHAIN = Toolchain(
    title="Prefect",
    unit=Unit.FUNCTION,
    skips=Skips.NOTHING,
    write=write,
    commands=lambda _graph, jobs: [["{bin}/python", "flow.py", str(jobs)]],
    package="prefect",
    refusal=refusal,
    environment={
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # The default of 20 s is not enough on a busy machine.
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    },
    user_files=("graph.json", "flow.py"),
    about="functions on threads of one process; a temporary server on this machine records them",
)
