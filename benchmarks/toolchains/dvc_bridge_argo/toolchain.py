"""`dvc-bridge submit --engine argo`: a remote run on a cluster."""

from __future__ import annotations

from benchmarks.comparison.cluster import write_cluster_project
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit


def create_toolchain(cluster: str, title: str) -> Toolchain:
    """Return the toolchain on the cluster that an environment variable names."""
    return Toolchain(
        title=title,
        unit=Unit.COMMAND,
        skips=Skips.CONTENT,
        write=lambda graph, project, _jobs: write_cluster_project(graph, project, cluster),
        commands=lambda _graph, _jobs: [["dvc-bridge", "submit", "--engine", "argo", "--wait"]],
        package="dvc-bridge",
        cluster=cluster,
        about="groups of stages as tasks of a cluster; data moves through the DVC remote",
    )


TOOLCHAIN = create_toolchain("COMPARISON_ARGO", "dvc-bridge submit, argo")
