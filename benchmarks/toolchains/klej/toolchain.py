"""klej: a SLURM job per stage, and a last one that records all results with `dvc commit`."""

from __future__ import annotations

from pathlib import Path

import yaml

from benchmarks.comparison.cluster import SLURM, write_cluster_project
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write the project, klej's settings, and the script that waits for the jobs."""
    settings = {
        "profiles": {"small": {"cpus": 1}},
        "stages": dict.fromkeys((task.name for task in graph.tasks), "small"),
        "commit": "small",
        "klej": "small",
    }
    (project / "klej.yaml").write_text(yaml.safe_dump(settings))
    copy_script("klej", "run.py", project)
    write_cluster_project(graph, project, SLURM)


def refusal(workload: Workload) -> str:
    """Refuse the pipeline: its packages are not in klej's environment."""
    return "its environment has no packages of the pipeline" if workload.is_pipeline else ""


TOOLCHAIN = Toolchain(
    title="klej, slurm",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=write,
    commands=lambda _graph, _jobs: [["python", "run.py", "{bin}/klej"]],
    package="klej",
    refusal=refusal,
    cluster=SLURM,
    about="a job per stage in one shared folder; a last job records the results with dvc commit",
)
