"""`dvc-bridge gc`: old runs and snapshots out of the remote."""

from __future__ import annotations

import time
from argparse import Namespace

from dvc_bridge.app.remote_run import warn
from dvc_bridge.cli.cluster import cluster_of
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.argo.client import Cluster, is_same
from dvc_bridge.engines.argo.status import RunState
from dvc_bridge.engines.argo.workflow_chain import forget
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.remote_run.retention import leftovers, old_runs, written_s
from dvc_bridge.remote_run.run_store import Store

DAY_S = 86_400


def gc(args: Namespace) -> int:
    """Remove what old runs have left in the remote; DVC's own objects stay."""
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        remote, before_s = Remote(session.repo), time.time() - args.days * DAY_S
        _check(remote, args.run_names)
        ends = _Ends(project, remote, before_s)
        chosen = old_runs(remote, before_s, args.run_names)
        kept = {run: why for run in chosen if (why := ends.doubt(run))}
        said = [f"run {run} is kept: {why}" for run, why in kept.items()]
        if kept and args.run_names:
            raise UsageError("\n".join(said), "what may still go on is not removed")
        found = leftovers(remote, before_s, kept, args.run_names)
        for leftover in found:
            if not args.dry:
                remote.remove(leftover.path)
            print(f"{'would remove' if args.dry else 'removed'} {leftover.what}", flush=True)
        if ends.cluster and not args.dry:
            runs = {leftover.run for leftover in found if leftover.run}
            forget(ends.cluster, runs.__contains__)
    if said:
        raise UsageError("\n".join(said), "what may still go on is not removed")
    if not found:
        print(f"nothing in remote {remote.name} is older than {args.days} days")
    return 0


class _Ends:
    """Whether runs have ended, by what the remote and the cluster say."""

    def __init__(self, project: Project, remote: Remote, before_s: float) -> None:
        self._remote, self._before_s = remote, before_s
        self.cluster: Cluster | None = None
        self._states: dict[str, list[RunState]] = {}
        self._here: dict[str, str | None] = {}
        self._silent = ""
        try:
            cluster = cluster_of(project)
            for state in cluster.workflows():
                self._states.setdefault(state.run, []).append(state)
            self._here = cluster.identity()
            self.cluster = cluster
        except BridgeError as exc:
            self._silent = exc.message

    def doubt(self, run: str) -> str:
        """Say why a run may still go on; empty: it has ended."""
        if going := [s.name for s in self._states.get(run, ()) if not s.ended]:
            return f"Workflow {going[0]} goes on; dvc-bridge stop {run} ends it"
        store = Store(self._remote, run)
        if run in self._states or store.is_done():
            return ""
        submitted = store.cluster()
        if submitted is None:  # by a flow, a manifest of `convert` or an older dvc-bridge
            recent = written_s(self._remote, run) >= self._before_s
            return "stages have no result, and it was written to not long ago" if recent else ""
        if self._silent:
            return f"the cluster does not say whether it goes on: {self._silent}"
        if not is_same(submitted, self._here):
            where = f"namespace {submitted['namespace']} of {submitted['host']}"
            return f"it was submitted to {where}, and this is another one"
        return ""


def _check(remote: Remote, named: list[str]) -> None:
    known = set(Store(remote, "").runs())
    if lost := [f"run {run} is not in remote {remote.name}" for run in named if run not in known]:
        raise UsageError("\n".join(lost), "dvc-bridge status names the runs of the cluster")
