"""A Workflow shown while it goes on: its pods, in the view that a run here has."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence

from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.status import PodState, RunState, joined, stuck
from dvc_bridge.engines.argo.workflow_chain import watch_run
from dvc_bridge.engines.kubernetes.pod_logs import pod_log
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.ui.view import View

# Of a failed pod, shown at once; the rest is in the cluster.
LOG_LINES = 15
# A registry may fail for a moment.
STUCK_S = 25.0
# What Kubernetes says of every pod that begins.
_USUAL = ("PodInitializing", "ContainerCreating")
_OUTCOMES = {
    "Succeeded": Outcome.RAN,
    "Failed": Outcome.FAILED,
    "Error": Outcome.FAILED,
    "Omitted": Outcome.SKIPPED,
    "Skipped": Outcome.SKIPPED,
}


def watched(
    cluster: Cluster,
    workflow: str,
    run: str,
    groups: Sequence[Sequence[str]],
    needs: Sequence[Sequence[int]],
    view: View,
    lock: RepositoryLock,
    *,
    done: Collection[int] = (),
) -> RunState:
    """Show a Workflow, and those that follow it, to the end; give how it ended.

    Parameters
    ----------
    groups
        The addresses of each group's stages.
    needs
        For each group, the numbers of those that it waits for.
    lock
        The repository's, which is held; others may have it meanwhile.
    done
        Groups that have no pod in this Workflow.
    """
    names = [f"g{number} {', '.join(stages)}" for number, stages in enumerate(groups)]
    followers: list[list[int]] = [[] for _ in groups]
    for number, before in enumerate(needs):
        for other in before:
            followers[other].append(number)
    parts, shown = {}, _Shown(cluster, view)
    try:
        with lock.released(), view.shown(names, {}, followers):
            for group in done:
                view.ended(group, Outcome.UNCHANGED)
            for state in watch_run(cluster, workflow):
                parts[state.name] = state
                for pod in state.pods:
                    shown.show(pod)
                shown.check(run, state)
    except KeyboardInterrupt:
        print(
            f"run {run} goes on; later: dvc-bridge collect {run}; to end it: dvc-bridge stop {run}",
            file=sys.stderr,
        )
        raise
    return joined(list(parts.values()))


class _Shown:
    """What of each pod has been shown."""

    def __init__(self, cluster: Cluster, view: View) -> None:
        self._cluster, self._view = cluster, view
        self._known: dict[int, tuple[str, int, str]] = {}
        self._stuck_since: dict[int, float] = {}

    def show(self, pod: PodState) -> None:
        """Tell the view what is new."""
        now = (pod.phase, pod.attempts, pod.message)
        before, self._known[pod.group] = self._known.get(pod.group), now
        if before == now:
            return
        if before and pod.attempts > before[1]:
            self._view.note(f"g{pod.group}: its pod was lost, or met a fault; tried again")
        if pod.phase == "Running" and (before is None or before[0] != "Running"):
            self._view.started(pod.group)
        if before and before[0] == pod.phase and pod.phase != "Pending":
            return
        if outcome := _OUTCOMES.get(pod.phase):
            if pod.bad:
                self._tell_why(pod)
            self._view.ended(pod.group, outcome)
        elif pod.message and pod.message not in _USUAL:
            self._view.note(f"g{pod.group} {pod.phase.lower()}: {pod.message}")

    def check(self, run: str, state: RunState) -> None:
        """See that no pod waits in vain.

        Raises
        ------
        UsageError
            One has not been able to start for a while, and will not by itself.
        """
        now = time.monotonic()
        stuck_now = {pod.group: (pod, fix) for pod in state.pods if (fix := stuck(pod))}
        since = {group: self._stuck_since.get(group, now) for group in stuck_now}
        self._stuck_since = since
        for group, (pod, fix) in stuck_now.items():
            if now - since[group] > STUCK_S:
                raise UsageError(
                    f"g{group} cannot start: {pod.message}", f"dvc-bridge stop {run}; {fix}"
                )

    def _tell_why(self, pod: PodState) -> None:
        for line in self._log(pod) if pod.pod else []:
            self._view.line(pod.group, line)
        if pod.message:
            self._view.line(pod.group, pod.message)

    def _log(self, pod: PodState) -> list[str]:
        try:
            return list(pod_log(self._cluster.connection, pod.pod, follow=False))[-LOG_LINES:]
        except BridgeError as exc:
            return [f"no log: {exc.message}"]
