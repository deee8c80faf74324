"""Metaflow's `argo-workflows create` and `trigger`: Argo runs a pod per task."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison.cluster import (
    ARGO,
    METAFLOW_VARIABLES,
    find_argo,
    read_metaflow_namespace,
    read_parallelism,
)
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit, copy_script
from benchmarks.comparison.workload import Workload
from benchmarks.toolchains.metaflow_kubernetes.toolchain import find_refusal, write_flow

# Metaflow writes about 8 kB for each step, and Argo stores a Workflow of at most 1 MB.
_MOST_LEVELS = 50


def create_toolchain(cluster: str, title: str) -> Toolchain:
    """Return the toolchain on the cluster that an environment variable names."""

    def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
        write_flow(graph, project, cluster)
        copy_script("metaflow_argo", "run.py", project)

    def list_commands(_graph: Graph, _jobs: int) -> list[list[str]]:
        namespace, pods = read_metaflow_namespace(cluster), read_parallelism(cluster)
        return [["python", "run.py", find_argo(), namespace, pods]]

    def refusal(workload: Workload) -> str:
        if len(workload.graph.levels) > _MOST_LEVELS:
            return f"more than {_MOST_LEVELS} steps: the Workflow would be too large for Argo"
        return find_refusal(workload, cluster)

    return Toolchain(
        title=title,
        unit=Unit.FUNCTION,
        skips=Skips.NOTHING,
        write=write,
        commands=list_commands,
        package="metaflow",
        refusal=refusal,
        environment=METAFLOW_VARIABLES,
        cluster=cluster,
        about="deployed, triggered, a pod per task; the client downloads the artifacts at the end",
    )


TOOLCHAIN = create_toolchain(ARGO, "Metaflow argo-workflows")
