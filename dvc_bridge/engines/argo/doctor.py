"""Checks of everything that a run on the cluster needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from dvc_bridge.engines.argo.client import GROUP, Cluster
from dvc_bridge.engines.argo.controller_check import check_controller
from dvc_bridge.engines.argo.doctor_namespace import check_rules
from dvc_bridge.engines.argo.doctor_objects import (
    check_objects,
    find_account,
    find_all,
    find_token,
)
from dvc_bridge.engines.argo.rbac_file import render_apply_command
from dvc_bridge.engines.argo.workflow_split import MOST_PODS
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, ROLES, ApiError, role_rule
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.pipeline.stage import Pipeline

# The permissions that dvc-bridge itself needs: API group, resource, verbs.
CLIENT = (
    (GROUP, "workflows", ("create", "get", "list", "watch", "patch", "delete")),
    # For runs of more than one Workflow.
    (GROUP, "workflowtemplates", ("create", "list", "delete")),
    ("", "pods", ("get",)),
    ("", "pods/log", ("get",)),
)
# The permissions that Argo's containers need in every pod.
EXECUTOR = ((GROUP, "workflowtaskresults", ("create", "patch")),)
# The permissions that they also need at the end of a Workflow that another one follows.
NEXT_PART = ((GROUP, "workflows", ("create",)),)
Rules = Sequence[tuple[str, str, Sequence[str]]]


def doctor(pipeline: Pipeline, settings: Settings) -> Iterator[Finding]:
    """Yield the findings about images, cluster, permissions and Secrets."""
    try:
        yield Finding("image", True, _images(pipeline, settings))
    except BridgeError as exc:
        yield Finding("image", False, exc.message, exc.fix)
    argo = settings.argo
    try:
        cluster = Cluster.connect(argo.namespace)
    except BridgeError as exc:
        yield Finding("cluster", False, exc.message, exc.fix)
        return
    tasks = {s.address: settings.pod(s.address) for s in pipeline.stages if s.for_pods}
    yield from check_cluster(
        cluster,
        argo.service_account,
        argo.all_secrets,
        has_pending_timeout=any(task.pod.pending_timeout for task in tasks.values()),
    )
    yield from check_objects(cluster, argo, tasks)
    yield from check_rules(cluster, argo, tasks)


def _images(pipeline: Pipeline, settings: Settings) -> str:
    """Return the images; only a pod can show whether a node can pull them."""
    stages = (stage.address for stage in pipeline.stages if stage.for_pods)
    if not (images := settings.images(stages)):
        return "no stage needs one"
    holder = settings.argo.worker_image or ", ".join(images)
    return f"{holder}: must have dvc {version('dvc')}, as here, and dvc-bridge"


def check_cluster(
    cluster: Cluster,
    service_account: str,
    secrets: Sequence[str],
    *,
    has_pending_timeout: bool = False,
) -> Iterator[Finding]:
    """Yield the findings about the cluster, without checks that depend on a failed one.

    It briefly creates a Workflow without pods, to check that a controller picks it up.

    Parameters
    ----------
    has_pending_timeout
        Whether pods have a `pending_timeout`, which older controllers ignore.
    """
    connection = _run_check("cluster", lambda: _namespace(cluster))
    yield connection
    if connection.is_ok is False:
        return
    argo = _run_check("argo", lambda: f"{counted(len(cluster.workflows()), 'run')} of dvc-bridge")
    missing = _denied(cluster, CLIENT)
    if argo.is_ok is False and not missing:
        yield argo
        return
    yield _permissions(cluster, missing)
    if not missing:
        yield _run_check(
            "controller", lambda: check_controller(cluster, has_pending_timeout=has_pending_timeout)
        )
    yield from _pods(cluster, service_account, secrets)


def _pods(cluster: Cluster, service_account: str, secrets: Sequence[str]) -> Iterator[Finding]:
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(cluster.connection.api)
    yield (account := find_account(cluster, service_account))
    if account.is_ok is not False:
        yield find_token(cluster, service_account)
        yield _executor(cluster, service_account)
        yield _next_part(cluster, service_account)
    yield from find_all(cluster, "secret", core.read_namespaced_secret, secrets)


def _run_check(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, check())
    except ApiError as error:
        return Finding(subject, False, error.message, error.fix)


def _namespace(cluster: Cluster) -> str:
    """Return the namespace, which a user may work in without permission to read it."""
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(cluster.connection.api)
    description = f"namespace {cluster.namespace} at {cluster.connection.host}"
    try:
        namespace = cluster.connection.ask(core.read_namespace, cluster.namespace)
    except ApiError as error:
        if error.status == FORBIDDEN:
            return description
        if error.status == NOT_FOUND:
            fix = f"kubectl create namespace {cluster.namespace}, or set argo.namespace"
            raise ApiError(NOT_FOUND, f"there is no {description}", fix) from error
        raise
    if namespace.status.phase == "Terminating":
        raise ApiError(NOT_FOUND, f"{description} is being deleted", "wait, then create it again")
    return description


def _permissions(cluster: Cluster, missing: Rules) -> Finding:
    if not missing:
        return Finding(
            "permissions", True, "to create, watch, stop and delete Workflows, and to read logs"
        )
    rules = ", ".join(role_rule(*rule[:2], *rule[2]) for rule in missing)
    may_not = "; ".join(f"{', '.join(verbs)} {resource}" for _, resource, verbs in missing)
    fix = f"add to a Role that is bound to you: {rules}; {ROLES}"
    return Finding("permissions", False, f"you may not {may_not} in {cluster.namespace}", fix)


def _denied(cluster: Cluster, rules: Rules, account: str | None = None) -> Rules:
    """Return the rules that are not allowed to the user or to a service account."""
    denied = []
    for group, resource, verbs in rules:
        missing = [v for v in verbs if not _may(cluster, group, resource, v, account)]
        if missing:
            denied.append((group, resource, missing))
    return denied


def _may(cluster: Cluster, group: str, resource: str, verb: str, account: str | None) -> bool:
    from kubernetes import client  # noqa: PLC0415  an extra

    api, space = client.AuthorizationV1Api(cluster.connection.api), cluster.namespace
    kind, _, part = resource.partition("/")
    attributes = {"group": group, "resource": kind, "subresource": part, "verb": verb}
    spec: dict[str, Any] = {"resourceAttributes": {**attributes, "namespace": space}}
    if account is None:
        create = api.create_self_subject_access_review
        return bool(cluster.connection.ask(create, {"spec": spec}).status.allowed)
    spec["user"] = f"system:serviceaccount:{space}:{account}"
    accounts = "system:serviceaccounts"
    spec["groups"] = [accounts, f"{accounts}:{space}", "system:authenticated"]
    body = {"metadata": {"namespace": space}, "spec": spec}
    create_local = api.create_namespaced_local_subject_access_review
    return bool(cluster.connection.ask(create_local, space, body).status.allowed)


def _executor(cluster: Cluster, account: str) -> Finding:
    try:
        missing = _denied(cluster, EXECUTOR, account)
    except ApiError as error:
        if error.status != FORBIDDEN:
            return Finding("executor", False, error.message, error.fix)
        return Finding(
            "executor", None, f"cannot check: you may not read the permissions of {account}"
        )
    if not missing:
        return Finding("executor", True, f"{account} may report results to Argo")
    rules = ", ".join(role_rule(*rule[:2], *rule[2]) for rule in missing)
    return Finding(
        "executor",
        False,
        f"{account} may not report results to Argo: every pod would end in Error",
        f"{render_apply_command(cluster.namespace)}, which has {rules}",
    )


def may_begin_parts(cluster: Cluster, account: str) -> bool | None:
    """Return whether pods may create the next Workflow; None: the user may not read this."""
    try:
        return not _denied(cluster, NEXT_PART, account)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return None


def _next_part(cluster: Cluster, account: str) -> Finding:
    may = may_begin_parts(cluster, account)
    if may:
        return Finding("parts", True, f"{account} may create the next Workflow of a large run")
    if may is None:
        return Finding(
            "parts", None, f"cannot check: you may not read the permissions of {account}"
        )
    rules = ", ".join(role_rule(*rule[:2], *rule[2]) for rule in NEXT_PART)
    return Finding(
        "parts",
        None,
        f"{account} may not create Workflows: runs of more than {MOST_PODS} pods are refused",
        f"if you need them, {render_apply_command(cluster.namespace)}, which has {rules}",
    )
