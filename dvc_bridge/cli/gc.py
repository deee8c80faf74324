"""`dvc-bridge gc`: old runs and snapshots out of the remote."""

from __future__ import annotations

import time
from argparse import Namespace

from dvc_bridge.cli.cluster import cluster_of
from dvc_bridge.cli.remote import warn
from dvc_bridge.dvcio.claim import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.plan.run_state import RunState
from dvc_bridge.run.chain import forget
from dvc_bridge.run.cluster import Cluster
from dvc_bridge.run.store import Store
from dvc_bridge.run.sweep import leftovers

DAY_S = 86_400


def gc(args: Namespace) -> int:
    """Remove what old runs have left in the remote; DVC's own objects stay."""
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        remote = Remote(session.repo)
        cluster, states = _cluster(project)
        going = {state.run for state in states if not state.ended}
        _check(remote, args.run_names, going)
        found = leftovers(remote, time.time() - args.days * DAY_S, going, args.run_names)
        for leftover in found:
            if not args.dry:
                remote.remove(leftover.path)
            print(f"{'would remove' if args.dry else 'removed'} {leftover.what}", flush=True)
        if cluster and not args.dry:
            runs = {leftover.run for leftover in found if leftover.run}
            forget(cluster, runs.__contains__)
    if not found:
        print(f"nothing in remote {remote.name} is older than {args.days} days")
    return 0


def _cluster(project: Project) -> tuple[Cluster | None, list[RunState]]:
    """Open the cluster, and give the Workflows that it has; none if it cannot be asked."""
    try:
        cluster = cluster_of(project)
        return cluster, cluster.workflows()
    except BridgeError as exc:
        warn(f"the cluster is not asked which runs go on: {exc.message}")
        return None, []


def _check(remote: Remote, named: list[str], going: set[str]) -> None:
    known = set(Store(remote, "").runs())
    problems = [f"run {run} is not in remote {remote.name}" for run in named if run not in known]
    problems += [f"run {run} goes on: dvc-bridge stop {run}" for run in named if run in going]
    if problems:
        raise UsageError("\n".join(problems), "dvc-bridge status names the runs of the cluster")
