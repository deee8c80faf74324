"""`dvc-bridge submit --engine slurm`: a remote run on a cluster."""

from __future__ import annotations

from benchmarks.comparison.cluster import write_cluster_project
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit

CLUSTER = "COMPARISON_SLURM"

TOOLCHAIN = Toolchain(
    title="dvc-bridge submit, slurm",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=lambda graph, project, _jobs: write_cluster_project(graph, project, CLUSTER),
    commands=lambda _graph, _jobs: [["dvc-bridge", "submit", "--engine", "slurm", "--wait"]],
    package="dvc-bridge",
    cluster=CLUSTER,
    about="groups of stages as tasks of a cluster; data moves through the DVC remote",
)
