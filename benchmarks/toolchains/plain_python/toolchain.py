"""Plain Python in one process: the floor. It neither parallelises nor skips."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the graph, and the loop over it."""
    (project / "graph.json").write_text(graph.to_json())
    copy_script("plain_python", "run.py", project)


TOOLCHAIN = Toolchain(
    title="plain Python, one process",
    unit=Unit.FUNCTION,
    skips=Skips.NOTHING,
    write=write,
    rewrite=write,
    commands=lambda _graph, _jobs: [["python", "run.py"]],
    version_command=("python", "--version"),
    user_files=("graph.json", "run.py"),
    about="the floor: a loop over the tasks in one process, without state",
)
