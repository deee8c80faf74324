"""`dvc-bridge retry`: a run goes on where it has stopped."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from itertools import count

from dvc_bridge.app.remote_run import Remotely, collected, everything
from dvc_bridge.app.run_end import say_end
from dvc_bridge.cli.sending import checked
from dvc_bridge.cli.views import view_for
from dvc_bridge.cli.watching import watched
from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.resume import remaining
from dvc_bridge.engines.argo.workflow_chain import begin, forget
from dvc_bridge.errors import UsageError
from dvc_bridge.remote_run.resume import needs, undone


def retry(args: Namespace) -> int:
    """Make what a run has not made, with its code and its plan; with --wait, merge it too."""
    run = args.run_name
    with Remotely(everything(args)) as remotely:
        cluster = Cluster.connect(remotely.settings.argo.namespace)
        before = cluster.of_run(run)
        if going := [state.name for state in before if not state.ended]:
            raise UsageError(
                f"Workflow {going[0]} of run {run} has not ended", f"dvc-bridge stop {run}, or wait"
            )
        store, objects = remotely.store(run)
        plan = store.plan()
        if plan is None:
            raise store.unknown()
        numbers = undone(plan, store, objects)
        if not numbers:
            print(f"every stage of run {run} is done; next: dvc-bridge collect {run}")
            return 0
        forget(cluster, run.__eq__)  # parts that are not going to be
        name = _unused(run, [state.name for state in before])
        made = remaining(store.manifest(), numbers, name)
        begin(cluster, checked(made))
        print(f"run {run}: {len(numbers)} of {len(plan)} pods, Workflow {name}", flush=True)
        if not args.wait:
            print(f"next: dvc-bridge collect {run}")
            return 0
        names = [[task.stage.address for task in entry.tasks] for entry in plan]
        view = view_for(plain=args.plain, jobs=remotely.settings.argo.parallelism or len(numbers))
        done = set(range(len(plan))) - set(numbers)
        lock = remotely.lock
        state = watched(cluster, name, run, names, needs(plan), view, lock, done=done)
        forget(cluster, run.__eq__)
        found = collected(remotely, run, checkout=True)
    return say_end(found, run, state)


def _unused(run: str, names: Sequence[str]) -> str:
    """Give a name for one more Workflow of a run; those that follow it have names that begin so."""
    candidates = (f"{run}-r{number}" for number in count(1))
    return next(n for n in candidates if not any(f"{k}-".startswith(f"{n}-") for k in names))
