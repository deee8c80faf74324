"""A run of several Workflows: the first is made here, each of the others by the one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.doctor import may_begin_parts
from dvc_bridge.engines.argo.status import Workflow
from dvc_bridge.engines.argo.watch import watch
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, ApiError
from dvc_bridge.errors import UsageError


def begin(cluster: Cluster, found: Sequence[Mapping[str, Any]]) -> None:
    """Make the templates of later parts, then the Workflow of the first.

    Raises
    ------
    UsageError
        The first could not begin the second.
    """
    first, *later = found
    account = first["spec"]["serviceAccountName"]
    if later and may_begin_parts(cluster, account) is False:
        raise UsageError(
            f"more pods than one Workflow should hold, and service account {account} may not"
            " create the Workflow that follows",
            f"kubectl -n {cluster.namespace} apply -f docs/argo-rbac.yaml, or fuse: auto",
        )
    for part in later:
        cluster.create_template(part)
    cluster.create(first)


def watch_run(cluster: Cluster, name: str) -> Iterator[Workflow]:
    """Return the states of a Workflow, and then of those that follow it; see `watch`."""
    while name:
        state = None
        for state in watch(cluster, name):
            yield state
        name = state.next if state and _is_there(cluster, state.next) else ""


def stop_run(cluster: Cluster, run: str) -> bool:
    """Have a run end; tell whether it went on.

    Raises
    ------
    UsageError
        There is no such run.
    """
    states = cluster.workflows_of(run)
    forget(cluster, lambda other: other == run)  # else a next part might begin meanwhile
    going = [state.name for state in states if not state.ended]
    for name in going:
        cluster.stop(name)
    # One that was just about to begin the next has done so: that ends for want of its template,
    # or has read it before it was gone.
    for state in cluster.of_run(run) if going else ():
        if not state.ended and state.name not in going:
            cluster.stop(state.name)
    return bool(going)


def forget(cluster: Cluster, is_over: Callable[[str], bool]) -> None:
    """Remove the templates of runs that need them no more."""
    try:
        known = cluster.templates()
    except ApiError as error:
        if error.status != FORBIDDEN:  # who may not see them has made none
            raise
        return
    for name, run in known:
        if is_over(run):
            cluster.delete_template(name)


def _is_there(cluster: Cluster, name: str) -> bool:
    if not name:
        return False
    try:
        cluster.get(name)
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        return False
    return True
