"""`dvc-bridge status`, `logs` and `stop`: runs as the cluster has them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from dvc_bridge.cli.settings import read_settings
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.read import read_pipeline
from dvc_bridge.errors import UsageError
from dvc_bridge.plan.run_state import PodState, RunState
from dvc_bridge.run.cluster import Cluster
from dvc_bridge.run.pod_logs import pod_log


def status(args: Namespace) -> int:
    """Print every run of the namespace, or every pod of one run."""
    cluster = _cluster()
    if args.run_name is None:
        for state in cluster.workflows():
            print(f"{state.phase:10}  {state.run}  {state.message}".rstrip())
        return 0
    state = cluster.run(args.run_name)
    print(f"{state.phase}  {state.message}".rstrip())
    for pod in state.pods:
        print(f"g{pod.group:<4} {pod.phase:10}  {_seconds(pod):>7}  {_stages(state, pod)}")
    return 0


def logs(args: Namespace) -> int:
    """Print what the stages of a run have printed, pod by pod."""
    cluster = _cluster()
    state = cluster.run(args.run_name)
    for pod in _chosen(state, args.stage):
        for line in pod_log(cluster.connection, pod.pod, follow=args.follow):
            print(line, flush=True)
    return 0


def stop(args: Namespace) -> int:
    """Have a run end."""
    cluster = _cluster()
    for state in cluster.workflows(args.run_name):
        cluster.stop(state.name)
    print(f"{args.run_name}: stopping; dvc-bridge collect {args.run_name} takes what has finished")
    return 0


def _cluster() -> Cluster:
    project = find_project()
    return Cluster.connect(read_settings(project, read_pipeline(project)).argo.namespace)


def _chosen(state: RunState, stage: str | None) -> Iterator[PodState]:
    found = [pod for pod in state.pods if stage is None or stage in _stages(state, pod).split(", ")]
    if not found:
        raise UsageError(f"run {state.run} has no pod of {stage or 'any stage'} yet", "see status")
    yield from (pod for pod in found if pod.pod)


def _stages(state: RunState, pod: PodState) -> str:
    known = pod.group < len(state.groups)
    return ", ".join(state.groups[pod.group]) if known else ""


def _seconds(pod: PodState) -> str:
    if pod.started is None or pod.finished is None:
        return ""
    return f"{(pod.finished - pod.started).total_seconds():.0f} s"
