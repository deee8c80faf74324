"""The logs of all pods of a run at once, while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Container
from threading import Lock, Thread

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.status import PodState
from dvc_bridge.engines.argo.workflow_chain import watch_run
from dvc_bridge.engines.kubernetes.pod_logs import pod_log
from dvc_bridge.errors import BridgeError

Tell = Callable[[PodState, str], object]


class Followers:
    """A thread a pod, each of which tells the lines of its own; a line is never cut."""

    def __init__(self, cluster: Cluster, tell: Tell, note: Tell) -> None:
        self._cluster, self._tell, self._note = cluster, tell, note
        self._threads: dict[str, Thread] = {}
        self._lock = Lock()

    def follow(self, pod: PodState) -> None:
        """Follow the pod if nobody does."""
        if pod.pod and pod.pod not in self._threads:
            thread = Thread(target=self._read, args=(pod,), daemon=True)
            self._threads[pod.pod] = thread
            thread.start()

    def join(self) -> None:
        """Wait for the last lines."""
        for thread in self._threads.values():
            thread.join()

    def _read(self, pod: PodState) -> None:
        try:
            for line in pod_log(self._cluster.connection, pod.pod, follow=True):
                with self._lock:
                    self._tell(pod, line)
        except BridgeError as exc:
            with self._lock:
                self._note(pod, exc.message)


def follow(
    cluster: Cluster, workflow: str, tell: Tell, note: Tell, groups: Container[int] | None = None
) -> None:
    """Tell every line of a Workflow's pods, and of those that follow it, until the end.

    Parameters
    ----------
    tell
        Is given a pod and one of its lines.
    note
        Is given a pod and why it does not start, or has no log.
    groups
        Of which groups; None: of all.
    """
    followers, noted = Followers(cluster, tell, note), set()
    for state in watch_run(cluster, workflow):
        for pod in state.pods:
            if groups is not None and pod.group not in groups:
                continue
            followers.follow(pod)
            if pod.phase == "Pending" and pod.message and (pod.pod, pod.message) not in noted:
                noted.add((pod.pod, pod.message))
                note(pod, pod.message)
    followers.join()
