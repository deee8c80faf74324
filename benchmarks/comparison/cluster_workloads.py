"""The workloads that are measured on a cluster, with the time that a run gets there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.comparison.workload import Workload
from benchmarks.comparison.workloads import list_workloads

# Seconds. A pod takes 5 to 25 s for one task on one node, however short the task is.
# Not here: windmill-40-light, for which a pod per task takes ten minutes; fan-out-1000, whose pods
# do not fit on one node; this repository's pipeline, the WfCommons graphs and METG, for their time.
_LIMITS_S = {
    "fan-out-1": 180.0,
    "fan-out-10": 300.0,
    "fan-out-100": 600.0,
    "windmill-10-long": 600.0,
    "resume": 600.0,
    "move-50-mb": 300.0,
}


def list_cluster_workloads() -> Sequence[Workload]:
    """Return the workloads for clusters; none comes last, since their order matters little."""
    return [
        replace(workload, limit_s=_LIMITS_S[workload.name], last=())
        for workload in list_workloads()
        if workload.name in _LIMITS_S
    ]
