"""dvx: a .dvc file per out, which contains its command and deps."""

from __future__ import annotations

import shlex
from pathlib import Path

import yaml

from benchmarks.comparison.dvc_project import create_repository
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the .dvc files."""
    for task in graph.tasks:
        (out,) = task.outs
        computation = {"cmd": shlex.join(graph.argv(task)), "deps": dict.fromkeys(task.inputs, "")}
        document = {"outs": [{"path": out}], "meta": {"computation": computation}}
        (project / f"{out}.dvc").write_text(yaml.safe_dump(document, sort_keys=False))
    create_repository(project)


def refusal(workload: Workload) -> str:
    """Refuse stages with several outs: a .dvc file has one."""
    several = any(len(task.outs) > 1 for task in workload.graph.tasks)
    return "a .dvc file describes one out; stages here have several" if several else ""


TOOLCHAIN = Toolchain(
    title="dvx run",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=write,
    commands=lambda _graph, jobs: [["dvx", "run", "-j", str(jobs)]],
    package="dvx",
    refusal=refusal,
    ask_commands=lambda _graph, _jobs: [["dvx", "status"]],
    user_files=("*.dvc",),
    about="built on DVC, with a file format of its own; runs level after level",
)
