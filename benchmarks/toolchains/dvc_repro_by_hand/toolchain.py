"""Several `dvc repro` by hand, each with a share of the graph's last stages."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.dvc_project import write_dvc_project
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the project, and the script that starts the processes."""
    write_dvc_project(graph, project)
    copy_script("dvc_repro_by_hand", "run.py", project)


def list_commands(graph: Graph, jobs: int) -> list[list[str]]:
    """Return the command: the targets are the stages that no other stage waits for."""
    last = [graph.writer_by_out[out].name for out in graph.final_outs]
    return [["python", "run.py", str(jobs), *dict.fromkeys(last)]]


def refusal(workload: Workload) -> str:
    """Refuse graphs that end in one stage: there is nothing to share out."""
    lasts = {workload.graph.writer_by_out[out].name for out in workload.graph.final_outs}
    return "" if len(lasts) > 1 else "one last stage: the same as dvc repro"


TOOLCHAIN = Toolchain(
    title="several dvc repro by hand",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=write,
    commands=list_commands,
    package="dvc",
    refusal=refusal,
    user_files=("dvc.yaml", "run.py"),
    about="one dvc repro per core at the same time, each with a share of the targets",
)
