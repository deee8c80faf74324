"""`dvc-bridge submit --engine argo`: a remote run on a cluster."""

from __future__ import annotations

from benchmarks.comparison.cluster import ARGO, write_cluster_project
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit


def create_toolchain(engine: str, cluster: str, title: str) -> Toolchain:
    """Return the toolchain with an engine, on the cluster that an environment variable names."""
    return Toolchain(
        title=title,
        unit=Unit.COMMAND,
        skips=Skips.CONTENT,
        runs_dvc_bridge=True,
        write=lambda graph, project, _jobs: write_cluster_project(graph, project, cluster),
        commands=lambda _graph, _jobs: [["dvc-bridge", "submit", "--engine", engine, "--wait"]],
        package="dvc-bridge",
        cluster=cluster,
        about="groups of stages as tasks of a cluster; data moves through the DVC remote",
    )


TOOLCHAIN = create_toolchain("argo", ARGO, "dvc-bridge submit, argo")
