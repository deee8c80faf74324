"""`dvc-bridge submit` and `dvc-bridge collect`: the same run as pods of an Argo Workflow."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence

from dvc_bridge.cli.remote import Remotely, collected, merged, prepared, warn
from dvc_bridge.errors import BridgeError, StageFailedError, UsageError
from dvc_bridge.plan.groups import Costs, Fuse, Group, Node, groups_of, predicted_wall_s
from dvc_bridge.plan.result import FAILED, RAN, RESTORED, Result
from dvc_bridge.plan.run_state import RUN_LABEL, PodState, RunState
from dvc_bridge.render.argo import RunSpec, manifest
from dvc_bridge.render.argo_check import check
from dvc_bridge.run.cluster import Cluster
from dvc_bridge.run.journal import Journal
from dvc_bridge.run.pod_logs import pod_log
from dvc_bridge.run.prepare import Settled
from dvc_bridge.run.submission import Submission
from dvc_bridge.run.validate import validate
from dvc_bridge.run.watch import watch

# Of a failed pod, shown at once; the rest is in the cluster.
LOG_LINES = 15


def submit_command(args: Namespace) -> int:
    """Run the selected stages as pods; with --wait, watch them and merge what they made."""
    with Remotely(args) as remotely:
        settled = prepared(remotely)
        if not settled.waiting:
            taken, _ = merged(remotely, settled, "")
            print(f"no stage needs a pod; {len(taken.taken)} from the run cache")
            return 0
        groups = _groups(remotely, settled, args)
        cluster = Cluster.connect(remotely.settings.argo.namespace)
        run = _run_name(remotely.project.root.name)
        _announce(remotely, settled, groups)
        jobs = [group.pod.jobs for group in groups]
        done = remotely.submit(settled, [group.positions for group in groups], jobs, run)
        made = _manifest(remotely, groups, done)
        check(made)
        validate(made)
        cluster.create(made)
        print(f"run {run}: {len(settled.waiting)} stages in {len(groups)} pods", flush=True)
        if not args.wait:
            print(f"next: dvc-bridge collect {run}")
            return 0
        state = _watched(cluster, remotely, groups, run)
        _, results = merged(remotely, settled, run)
    return _told(results, state)


def collect(args: Namespace) -> int:
    """Merge what the pods of a run have made so far into dvc.lock and the workspace."""
    args = Namespace(**vars(args), targets=[], single_item=False, all_pipelines=True)
    args.downstream = args.force = False
    with Remotely(args) as remotely:
        taken, results = collected(remotely, args.run_name, checkout=not args.no_checkout)
    for address in taken.stale:
        warn(f"{address}: dvc.yaml has changed since the run; its result is left where it is")
    return _told(results, None)


def _groups(remotely: Remotely, settled: Settled, args: Namespace) -> list[Group]:
    pipeline, settings = remotely.pipeline, remotely.settings
    seconds = Journal(remotely.project).seconds
    nodes = []
    waiting = {found.position for found in settled.waiting}
    for found in settled.waiting:
        address = found.stage.address
        pod = settings.pod(address)
        if not pod.image:
            raise UsageError("no image for the pods", "argo: {image: NAME} in dvc-bridge.yaml")
        waits = tuple(sorted(set(pipeline.upstream[found.position]) & waiting))
        words = settings.mutex_words(address)
        nodes.append(Node(found.position, waits, seconds.get(address), pod, words))
    limit = settings.argo.parallelism
    costs = Costs(slots=limit) if limit else Costs()
    fuse = Fuse(args.fuse) if args.fuse else settings.argo.fuse
    groups = groups_of(nodes, fuse, costs)
    print(f"predicted: {predicted_wall_s(groups, nodes, costs):.0f} s")
    return groups


def _announce(remotely: Remotely, settled: Settled, groups: Sequence[Group]) -> None:
    reasons = {found.position: found.reasons for found in settled.waiting}
    for group in groups:
        for position in group.positions:
            why = "; ".join(reasons[position]) or "if what it reads changes"
            print(f"g{group.number}  {remotely.pipeline.stages[position].address}: {why}")


def _run_name(project: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:20] or "run"
    return f"{slug}-{time.strftime('%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def _manifest(remotely: Remotely, groups: Sequence[Group], done: Submission) -> dict[str, object]:
    argo, stages = remotely.settings.argo, remotely.pipeline.stages
    shell = os.environ.get("SHELL", "")
    spec = RunSpec(
        name=done.run,
        store=json.dumps(done.settings, sort_keys=True),
        code=done.code,
        service_account=argo.service_account,
        namespace=argo.namespace,
        parallelism=argo.parallelism,
        image_pull_policy=argo.image_pull_policy,
        user=argo.user,
        shell="/bin/bash" if shell.endswith("/bash") else None,
        labels={RUN_LABEL: done.run},
        addresses=[[stages[p].address for p in group.positions] for group in groups],
    )
    return manifest(groups, done.words, spec)


def _watched(
    cluster: Cluster, remotely: Remotely, groups: Sequence[Group], run: str
) -> RunState | None:
    names = {
        group.number: ", ".join(remotely.pipeline.stages[p].address for p in group.positions)
        for group in groups
    }
    state, shown = None, dict[int, str]()
    start = time.monotonic()
    with remotely.lock.released():
        for state in watch(cluster, run):
            for pod in state.pods:
                if shown.get(pod.group) != pod.phase:
                    shown[pod.group] = pod.phase
                    elapsed_s = time.monotonic() - start
                    _print_phase(cluster, pod, names.get(pod.group, ""), elapsed_s)
    return state


def _print_phase(cluster: Cluster, pod: PodState, stages: str, elapsed_s: float) -> None:
    text = f"{pod.phase.lower()}  {stages}  {pod.message}".rstrip()
    print(f"{elapsed_s:6.1f} s  g{pod.group} {text}", flush=True)
    if pod.bad and pod.pod:
        _print_log(cluster, pod)


def _print_log(cluster: Cluster, pod: PodState) -> None:
    try:
        lines = list(pod_log(cluster.connection, pod.pod, follow=False))[-LOG_LINES:]
    except BridgeError as exc:
        lines = [f"no log: {exc.message}"]
    for line in lines:
        print(f"          g{pod.group} | {line}", flush=True)


def _told(results: Mapping[str, Result], state: RunState | None) -> int:
    counts = {word: sum(r.outcome == word for r in results.values()) for word in (RAN, RESTORED)}
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    failed = [result for result in results.values() if result.outcome == FAILED]
    if failed:
        raise StageFailedError(
            "\n".join(f"{result.address}: {result.message}" for result in failed),
            "mend it and submit again: what has finished is not run again",
        )
    if state is not None and state.phase != "Succeeded":
        raise BridgeError(
            f"the Workflow ended {state.phase}: {state.message}", "argo get; then submit again"
        )
    print("dvc.lock and workspace are as dvc repro would have left them", file=sys.stderr)
    return 0
