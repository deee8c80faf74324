"""Why a pod does not start: Argo says at most `PodInitializing`, Kubernetes says why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.pod_failure import Limits, explain
from dvc_bridge.engines.argo.status import Workflow
from dvc_bridge.engines.kubernetes.errors import ApiError
from dvc_bridge.engines.kubernetes.pod_reasons import last_warning, scheduling_gates
from dvc_bridge.pipeline.run_status import Phase, TaskStatus

# Messages of every pod that starts.
USUAL_MESSAGES = ("PodInitializing", "ContainerCreating", "")
# How long a pod may start before its events are read, and how long they count.
_PATIENCE_S = 12.0
_MOST_PODS = 5


def with_reasons(cluster: Cluster, states: Iterator[Workflow]) -> Iterator[Workflow]:
    """Yield states in which tasks that have waited for a while say why."""
    since: dict[str, float] = {}
    for state in states:
        now = time.monotonic()
        waiting = [task for task in state.tasks if _is_starting(task)]
        since = {task.place: since.get(task.place, now) for task in waiting}
        late = [task for task in waiting if now - since[task.place] > _PATIENCE_S]
        yield explain_waiting(cluster, state, late)


def explain_waiting(
    cluster: Cluster, state: Workflow, waiting: list[TaskStatus] | None = None
) -> Workflow:
    """Return a state in which tasks say what their pod waits for.

    Parameters
    ----------
    waiting
        The tasks whose events to read; None: all whose pod is starting.
    """
    if waiting is None:
        waiting = [task for task in state.tasks if _is_starting(task)]
    explained = {task.task: _explained(cluster, task) for task in waiting[:_MOST_PODS]}
    return replace(state, tasks=tuple(explained.get(task.task, task) for task in state.tasks))


def _is_starting(task: TaskStatus) -> bool:
    return task.phase is Phase.PENDING and bool(task.place) and task.message in USUAL_MESSAGES


def _explained(cluster: Cluster, task: TaskStatus) -> TaskStatus:
    try:
        connection, pod = cluster.connection, task.place
        found = last_warning(connection, pod) or scheduling_gates(connection, pod)
    except ApiError:  # the run goes on; who may not read events can ask an administrator
        return replace(task, fix=f"kubectl -n {cluster.namespace} describe pod {task.place}")
    if not found:
        return task
    reason = explain([found], Limits())
    return replace(task, message=reason.message, fix=reason.fix, is_blocked=reason.blocks)
