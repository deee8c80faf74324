"""`dvc-bridge status`, `logs` and `stop`: runs as the cluster has them."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import groupby

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.follow_logs import follow
from dvc_bridge.engines.argo.status import PodState, RunState, joined
from dvc_bridge.engines.argo.workflow_chain import stop_run
from dvc_bridge.engines.kubernetes.errors import NOT_FOUND, ApiError
from dvc_bridge.engines.kubernetes.pod_logs import pod_log
from dvc_bridge.errors import UsageError
from dvc_bridge.ui.status_text import run_json, run_text, runs_json, runs_text

Groups = Sequence[Sequence[str]]


def status(args: Namespace) -> int:
    """Print every run of the namespace, or every group of one run."""
    cluster, now = cluster_of(find_project()), datetime.now(UTC)
    if args.run_name is None:
        by_run = sorted(cluster.workflows(), key=lambda state: state.run)
        runs = [joined(list(found)) for _, found in groupby(by_run, lambda state: state.run)]
        runs.sort(key=lambda state: str(state.created))
        print(_json(runs_json(runs)) if args.json else runs_text(runs, now))
        return 0
    state = cluster.run(args.run_name)
    groups = state.groups
    print(_json(run_json(state, groups)) if args.json else run_text(state, groups, now))
    return 0


def logs(args: Namespace) -> int:
    """Print what the stages of a run, or one of them, have printed."""
    cluster = cluster_of(find_project())
    state = cluster.run(args.run_name)
    groups = state.groups
    chosen = None if args.stage is None else _groups_with(args.stage, state, groups)

    def tell(pod: PodState, line: str) -> None:
        if _is_of(line, args.stage, groups, pod):
            print(line, flush=True)

    if args.follow and not state.ended:
        follow(cluster, state.name, tell, _note, chosen)
        return 0
    pods = [pod for pod in state.pods if pod.pod and (chosen is None or pod.group in chosen)]
    if not pods:
        raise _no_pod(args.stage or "any stage", state)
    for pod in pods:
        _print_log(cluster, pod, tell)
    return 0


def stop(args: Namespace) -> int:
    """Have a run end; what has finished is kept."""
    cluster, run = cluster_of(find_project()), args.run_name
    going = stop_run(cluster, run)
    print(f"{run} is stopping" if going else f"{run} had ended before")
    print(f"next: dvc-bridge collect {run}")
    return 0


def cluster_of(project: Project) -> Cluster:
    """Open the cluster and namespace that a project's dvc-bridge.yaml names."""
    return Cluster.connect(read_settings(project, read_pipeline(project)).argo.namespace)


def _groups_with(stage: str, state: RunState, groups: Groups) -> Collection[int]:
    found = [number for number, stages in enumerate(groups) if stage in stages]
    if not found:
        raise UsageError(
            f"run {state.run} has no stage {stage}",
            f"`dvc-bridge status {state.run}` names those that it has; others were up to date",
        )
    return found


def _no_pod(stage: str, state: RunState) -> UsageError:
    if state.ended:
        return UsageError(
            f"run {state.run} ended before {stage} had a pod",
            f"`dvc-bridge status {state.run}` says why",
        )
    return UsageError(f"{stage} of run {state.run} has no pod yet", "add --follow to wait for it")


def _is_of(line: str, stage: str | None, groups: Groups, pod: PodState) -> bool:
    """Tell whether the line is the stage's, or of its whole pod.

    A worker puts addresses before the lines of stages, and nothing before what ends all of them.
    """
    if stage is None:
        return True
    others = (other for other in groups[pod.group] if other != stage)
    return not line.startswith(tuple(f"{o}{mark}" for o in others for mark in (" | ", ": ")))


def _print_log(cluster: Cluster, pod: PodState, tell: Callable[[PodState, str], None]) -> None:
    try:
        for line in pod_log(cluster.connection, pod.pod, follow=False):
            tell(pod, line)
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        _note(pod, "its pod is gone, and its log with it; Argo removes those of runs that succeed")


def _note(pod: PodState, text: str) -> None:
    print(f"dvc-bridge: g{pod.group}: {text}", file=sys.stderr, flush=True)


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
