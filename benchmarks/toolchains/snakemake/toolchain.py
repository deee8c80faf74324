"""Snakemake: one rule per task. It compares file times, code and parameters."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit
from benchmarks.comparison.workload import ROOT, Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the Snakefile; an out that is a folder is marked as one."""
    lines = ["rule all:", f"    input: {_list(graph.final_outs)}", ""]
    for task in graph.tasks:
        outs = ", ".join(
            f"directory({json.dumps(out)})" if (ROOT / out).is_dir() else json.dumps(out)
            for out in task.outs
        )
        lines += [
            f"rule {re.sub('[^A-Za-z0-9]', '_', task.name)}:",
            f"    input: {_list(task.inputs)}",
            f"    output: {outs}",
            f"    shell: {json.dumps(shlex.join(graph.argv(task)))}",
            "",
        ]
    (project / "Snakefile").write_text("\n".join(lines))


def _list(paths: tuple[str, ...]) -> str:
    return ", ".join(json.dumps(path) for path in paths)


def refusal(workload: Workload) -> str:
    """Refuse the pipeline: Snakemake deletes what is in an out's folder before the command."""
    return "not rendered: data and code share folders" if workload.is_pipeline else ""


TOOLCHAIN = Toolchain(
    title="Snakemake",
    unit=Unit.COMMAND,
    skips=Skips.TIME,
    write=write,
    commands=lambda _graph, jobs: [["snakemake", "--cores", str(jobs)]],
    # The same command stops twice after a kill; its messages name these options.
    recover_commands=lambda _graph, jobs: [
        ["snakemake", "--unlock"],
        ["snakemake", "--cores", str(jobs), "--rerun-incomplete"],
    ],
    package="snakemake",
    refusal=refusal,
    ask_commands=lambda _graph, _jobs: [["snakemake", "--dry-run"]],
    user_files=("Snakefile",),
    about="a workflow language: compares file times, code and parameters",
)
