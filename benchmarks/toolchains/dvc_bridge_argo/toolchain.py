"""`dvc-bridge submit --engine argo`: a remote run on a cluster."""

from __future__ import annotations

from benchmarks.comparison.cluster import write_cluster_project
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit

CLUSTER = "COMPARISON_ARGO"

TOOLCHAIN = Toolchain(
    title="dvc-bridge submit, argo",
    unit=Unit.COMMAND,
    skips=Skips.CONTENT,
    write=lambda graph, project, _jobs: write_cluster_project(graph, project, CLUSTER),
    commands=lambda _graph, _jobs: [["dvc-bridge", "submit", "--engine", "argo", "--wait"]],
    package="dvc-bridge",
    cluster=CLUSTER,
    about="groups of stages as tasks of a cluster; data moves through the DVC remote",
)
