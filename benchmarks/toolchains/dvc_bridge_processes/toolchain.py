"""`dvc-bridge submit --engine processes`: a remote run with workers on this machine."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.dvc_project import add_remote, write_dvc_project
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit


def write(graph: Graph, project: Path, jobs: int) -> None:
    """Write the project with a remote, and the number of workers."""
    write_dvc_project(graph, project)
    add_remote(project)
    settings = f"engine: processes\nprocesses: {{parallelism: {jobs}}}\n"
    (project / "dvc-bridge.yaml").write_text(settings)


TOOLCHAIN = Toolchain(
    title="dvc-bridge submit, processes",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    runs_dvc_bridge=True,
    write=write,
    commands=lambda _graph, _jobs: [["dvc-bridge", "submit", "--wait"]],
    package="dvc-bridge",
    user_files=("dvc.yaml", "dvc-bridge.yaml", ".dvc/config"),
    about="tasks in folders of their own, as on a cluster; data moves through the DVC remote",
)
