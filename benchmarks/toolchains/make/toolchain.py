"""GNU make: one rule per task. It compares file times."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the Makefile. A task's rule makes a stamp, since outs can be folders."""
    writers = graph.writer_by_out
    lines = ["all: " + " ".join(f".stamps/{task.name}" for task in graph.tasks), ""]
    for task in graph.tasks:
        needs = [
            f".stamps/{writers[path].name}" if path in writers else path for path in task.inputs
        ]
        lines += [
            f".stamps/{task.name}: " + " ".join(dict.fromkeys(needs)),
            f"\t{shlex.join(graph.argv(task))}",
            "\t@touch $@",
            "",
        ]
    (project / ".stamps").mkdir(exist_ok=True)
    (project / "Makefile").write_text("\n".join(lines))


TOOLCHAIN = Toolchain(
    title="GNU make",
    unit=Unit.COMMAND,
    skips=Skips.TIME,
    write=write,
    rewrite=write,
    commands=lambda _graph, jobs: [["make", "--silent", f"-j{jobs}"]],
    version_command=("make", "--version"),
    ask_commands=lambda _graph, _jobs: [["make", "--dry-run"]],
    user_files=("Makefile",),
    about="a build tool: compares file times, keeps no state",
)
