"""Ninja: one build statement per task. It compares file times and keeps a log of commands."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write build.ninja. A task's statement makes a stamp, since outs can be folders."""
    writers = graph.writer_by_out
    lines = ["rule run", "  command = $cmd && touch $out", ""]
    for task in graph.tasks:
        needs = [
            f".stamps/{writers[path].name}" if path in writers else path for path in task.inputs
        ]
        lines += [
            f"build .stamps/{task.name}: run " + " ".join(dict.fromkeys(needs)),
            f"  cmd = {shlex.join(graph.argv(task))}",
            "",
        ]
    (project / "build.ninja").write_text("\n".join(lines))


TOOLCHAIN = Toolchain(
    title="Ninja",
    unit=Unit.COMMAND,
    skips=Skips.TIME,
    write=write,
    commands=lambda _graph, jobs: [["ninja", f"-j{jobs}"]],
    package="ninja",
    refusal=lambda workload: "the same as make" if workload.is_pipeline else "",
    ask_commands=lambda _graph, _jobs: [["ninja", "-n"]],
    user_files=("build.ninja",),
    about="a build tool: compares file times, and commands by its log",
)
