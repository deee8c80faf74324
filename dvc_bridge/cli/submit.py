"""`dvc-bridge submit` and `dvc-bridge collect`: the same run as pods of an Argo Workflow."""

from __future__ import annotations

import json
import os
import secrets
import time
from argparse import Namespace
from collections.abc import Sequence

from dvc_bridge.app.remote_run import (
    Collected,
    Remotely,
    collected,
    everything,
    merged,
    prepared,
)
from dvc_bridge.app.run_end import say_end
from dvc_bridge.cli.sending import checked
from dvc_bridge.cli.views import view_for
from dvc_bridge.cli.watching import watched
from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.manifest import RunSpec, manifest, slug
from dvc_bridge.engines.argo.schema import Beside
from dvc_bridge.engines.argo.status import RUN_LABEL, RunState
from dvc_bridge.engines.argo.workflow_chain import begin, forget
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.planning.grouping.group_stages import divided
from dvc_bridge.planning.grouping.groups import Group
from dvc_bridge.remote_run.task_plan import Settled
from dvc_bridge.remote_run.upload import Submission


def submit_command(args: Namespace) -> int:
    """Run the selected stages as pods; with --wait, watch them and merge what they made."""
    with Beside() as beside, Remotely(args) as remotely:
        settled = prepared(remotely)
        if not settled.waiting:
            found = merged(remotely, settled, "")
            print(f"no stage needs a pod; {len(found.merged.taken)} from the run cache")
            return 0
        groups = _groups(remotely, settled, args)
        store = remotely.store_settings()
        cluster = Cluster.connect(remotely.settings.argo.namespace)
        run = _run_name(remotely.project.root.name)
        _announce(remotely, settled, groups)
        jobs = [group.pod.jobs for group in groups]
        done = remotely.submit(settled, [group.positions for group in groups], jobs, run)
        made = _manifest(remotely, groups, done, store)
        parts = checked(made, beside.validated)
        remotely.store(run)[0].put_manifest(made, done.code, cluster.identity())
        begin(cluster, parts)
        more = f", {len(parts)} Workflows one after the other" if len(parts) > 1 else ""
        print(f"run {run}: {len(settled.waiting)} stages in {len(groups)} pods{more}", flush=True)
        if not args.wait:
            print(f"next: dvc-bridge collect {run}")
            return 0
        names = [[remotely.pipeline.stages[p].address for p in g.positions] for g in groups]
        needs = [group.needs for group in groups]
        view = view_for(plain=args.plain, jobs=remotely.settings.argo.parallelism or len(groups))
        state = watched(cluster, run, run, names, needs, view, remotely.lock)
        if len(parts) > 1:
            forget(cluster, run.__eq__)
        found = merged(remotely, settled, run)
    return say_end(found, run, state)


def collect(args: Namespace) -> int:
    """Merge what the pods of a run have made so far into dvc.lock and the workspace."""
    with Remotely(everything(args)) as remotely:
        found = collected(remotely, args.run_name, checkout=not args.no_checkout)
        state = _state(remotely, args.run_name, found)
    return say_end(found, args.run_name, state)


def _state(remotely: Remotely, run: str, found: Collected) -> RunState | None:
    """Ask the cluster how a run stands of which something is missing; None: it cannot be asked."""
    if found.expected is not None and all(a in found.results for a in found.expected):
        return None
    try:
        return Cluster.connect(remotely.settings.argo.namespace).run(run)
    except BridgeError:
        return None


def _groups(remotely: Remotely, settled: Settled, args: Namespace) -> tuple[Group, ...]:
    fuse = Fuse(args.fuse) if args.fuse else None
    waiting = [found.position for found in settled.waiting]
    seconds = remotely.seconds(settled)
    remotely.settings.images(found.stage.address for found in settled.waiting)
    division = divided(remotely.pipeline, waiting, remotely.settings, seconds, fuse)
    print(f"predicted: {division.wall_s:.0f} s")
    return division.groups


def _announce(remotely: Remotely, settled: Settled, groups: Sequence[Group]) -> None:
    reasons = {found.position: found.reasons for found in settled.waiting}
    for group in groups:
        for position in group.positions:
            why = "; ".join(reasons[position]) or "if what it reads changes"
            print(f"g{group.number}  {remotely.pipeline.stages[position].address}: {why}")


def _run_name(project: str) -> str:
    return f"{slug(project)}-{time.strftime('%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"


def _manifest(
    remotely: Remotely, groups: Sequence[Group], done: Submission, store: Sections
) -> dict[str, object]:
    stages = remotely.pipeline.stages
    shell = os.environ.get("SHELL", "")
    spec = RunSpec(
        name=done.run,
        store=json.dumps(store, sort_keys=True),
        code={"DVC_BRIDGE_CODE": done.code},
        argo=remotely.settings.argo,
        shell="/bin/bash" if shell.endswith("/bash") else None,
        labels={RUN_LABEL: done.run},
        addresses=[[stages[p].address for p in group.positions] for group in groups],
    )
    return manifest(groups, done.words, spec)
