"""A run of several Workflows: the client creates the first, and each creates the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.doctor import may_begin_parts
from dvc_bridge.engines.argo.rbac_file import render_apply_command
from dvc_bridge.engines.argo.status import Workflow
from dvc_bridge.engines.argo.waiting_pods import with_reasons
from dvc_bridge.engines.argo.watch import watch
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, ApiError
from dvc_bridge.errors import UsageError


def begin(cluster: Cluster, parts: Sequence[Mapping[str, Any]]) -> None:
    """Create the templates of later parts, then the Workflow of the first part.

    Raises
    ------
    UsageError
        The pods of the first part may not create the second part.
    """
    first, *later = parts
    account = first["spec"]["serviceAccountName"]
    if later and may_begin_parts(cluster, account) is False:
        raise UsageError(
            "the run has more pods than one Workflow should hold, and service account"
            f" {account} may not create the next Workflow",
            f"{render_apply_command(cluster.namespace)}, or set fuse: auto",
        )
    for part in later:
        cluster.create_template(part)
    cluster.create(first)


def watch_run(cluster: Cluster, name: str) -> Iterator[Workflow]:
    """Yield the states of a Workflow, and then of the Workflows that follow it; see `watch`."""
    while name:
        state = None
        for state in with_reasons(cluster, watch(cluster, name)):
            yield state
        name = state.next if state and _is_there(cluster, state.next) else ""


def stop_run(cluster: Cluster, run: str) -> bool:
    """Stop a run; return whether it was still running.

    Raises
    ------
    UsageError
        The cluster does not have the run.
    """
    states = cluster.workflows_of(run)
    forget(cluster, lambda other: other == run)  # otherwise a next part might start meanwhile
    running = [state.name for state in states if not state.ended]
    for name in running:
        cluster.stop(name)
    # A Workflow may have created the next one meanwhile, which fails without its template, unless
    # it read the template before it was removed.
    for state in cluster.of_run(run) if running else ():
        if not state.ended and state.name not in running:
            cluster.stop(state.name)
    return bool(running)


def forget(cluster: Cluster, is_over: Callable[[str], bool]) -> None:
    """Remove the templates of runs that no longer need them."""
    try:
        templates = cluster.templates()
    except ApiError as error:
        if error.status != FORBIDDEN:  # a user who may not list templates has created none
            raise
        return
    for name, run in templates:
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
