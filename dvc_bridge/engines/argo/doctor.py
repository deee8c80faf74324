"""What a run on the cluster needs, looked at before one is tried."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import version
from secrets import token_hex
from typing import Any

from dvc_bridge.engines.argo.client import GROUP, Cluster
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, ROLES, ApiError, role_rule
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.settings import Settings
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.grouping import split

_CONTROLLER_S = 10.0
# What dvc-bridge itself does: API group, resource, verbs.
CLIENT = (
    (GROUP, "workflows", ("create", "get", "list", "watch", "patch", "delete")),
    # Of runs that are more than one Workflow.
    (GROUP, "workflowtemplates", ("create", "list", "delete")),
    ("", "pods", ("get",)),
    ("", "pods/log", ("get",)),
)
# What Argo's containers in every pod do.
EXECUTOR = ((GROUP, "workflowtaskresults", ("create", "patch")),)
# What they do besides at the end of a Workflow that another one follows.
NEXT_PART = ((GROUP, "workflows", ("create",)),)
Rules = Sequence[tuple[str, str, Sequence[str]]]


def doctor(pipeline: Pipeline, settings: Settings) -> Iterator[Finding]:
    """Finding the images, the credentials' Secrets and the cluster."""
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
    yield from check_cluster(cluster, argo.service_account, argo.all_secrets)


def _images(pipeline: Pipeline, settings: Settings) -> str:
    """Return the images; only a pod can show whether a node can pull them."""
    stages = (stage.address for stage in pipeline.stages if stage.for_pods)
    if not (images := settings.images(stages)):
        return "no stage needs one"
    return f"{', '.join(images)}: must have dvc {version('dvc')}, as here, and dvc-bridge"


def check_cluster(
    cluster: Cluster, service_account: str, secrets: Sequence[str]
) -> Iterator[Finding]:
    """Look at everything; what needs a thing that is wrong is left out.

    For a moment it makes a Workflow that has no pod, to see that a controller takes it up.
    """
    reached = _looked("cluster", lambda: _namespace(cluster))
    yield reached
    if reached.is_ok is False:
        return
    argo = _looked("argo", lambda: f"{len(cluster.workflows())} runs of dvc-bridge")
    missing = _denied(cluster, CLIENT)
    if argo.is_ok is False and not missing:
        yield argo
        return
    yield _permissions(cluster, missing)
    if not missing:
        yield _looked("controller", lambda: _controller(cluster))
    yield from _pods(cluster, service_account, secrets)


def _pods(cluster: Cluster, service_account: str, secrets: Sequence[str]) -> Iterator[Finding]:
    from kubernetes import client  # noqa: PLC0415  an extra

    core, space = client.CoreV1Api(cluster.connection.api), cluster.namespace
    account = _exists(
        cluster,
        "account",
        f"service account {service_account}",
        core.read_namespaced_service_account,
        service_account,
        f"kubectl -n {space} apply -f docs/argo-rbac.yaml, or name another as"
        " argo.service_account in dvc-bridge.yaml",
    )
    yield account
    if account.is_ok is not False:
        yield _executor(cluster, service_account)
        yield _next_part(cluster, service_account)
    for name in secrets:
        fix = f"kubectl -n {space} create secret generic {name} --from-literal=KEY=VALUE ..."
        yield _exists(cluster, "secret", f"secret {name}", core.read_namespaced_secret, name, fix)


def _looked(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except ApiError as error:
        return Finding(what, False, error.message, error.fix)


def _namespace(cluster: Cluster) -> str:
    """Ask for the namespace; who may not see it may still work in it."""
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(cluster.connection.api)
    said = f"namespace {cluster.namespace} at {cluster.connection.host}"
    try:
        found = cluster.connection.ask(core.read_namespace, cluster.namespace)
    except ApiError as error:
        if error.status == FORBIDDEN:
            return said
        if error.status == NOT_FOUND:
            fix = f"kubectl create namespace {cluster.namespace}, or set argo.namespace"
            raise ApiError(NOT_FOUND, f"there is no {said}", fix) from error
        raise
    if found.status.phase == "Terminating":
        raise ApiError(NOT_FOUND, f"{said} is being deleted", "wait, then create it again")
    return said


def _permissions(cluster: Cluster, missing: Rules) -> Finding:
    if not missing:
        return Finding(
            "permissions", True, "to create, watch, stop and delete Workflows, read logs"
        )
    rules = ", ".join(role_rule(*rule[:2], *rule[2]) for rule in missing)
    may_not = "; ".join(f"{', '.join(verbs)} {resource}" for _, resource, verbs in missing)
    fix = f"add to a Role that is bound to you: {rules}; {ROLES}"
    return Finding("permissions", False, f"you may not {may_not} in {cluster.namespace}", fix)


def _denied(cluster: Cluster, rules: Rules, account: str | None = None) -> Rules:
    """Return what is not allowed of `rules`, to us or to a service account."""
    denied = []
    for group, resource, verbs in rules:
        lacking = [v for v in verbs if not _may(cluster, group, resource, v, account)]
        if lacking:
            denied.append((group, resource, lacking))
    return denied


def _may(cluster: Cluster, group: str, resource: str, verb: str, account: str | None) -> bool:
    from kubernetes import client  # noqa: PLC0415  an extra

    api, space = client.AuthorizationV1Api(cluster.connection.api), cluster.namespace
    kind, _, part = resource.partition("/")
    wanted = {"group": group, "resource": kind, "subresource": part, "verb": verb}
    spec: dict[str, Any] = {"resourceAttributes": {**wanted, "namespace": space}}
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
        return Finding("executor", None, f"what {account} may do is not for you to see")
    if not missing:
        return Finding("executor", True, f"{account} may report results to Argo")
    rules = ", ".join(role_rule(*rule[:2], *rule[2]) for rule in missing)
    return Finding(
        "executor",
        False,
        f"{account} may not report results to Argo: every pod would end in Error",
        f"kubectl -n {cluster.namespace} apply -f docs/argo-rbac.yaml, which has {rules}",
    )


def may_begin_parts(cluster: Cluster, account: str) -> bool | None:
    """Tell whether pods may make the Workflow that follows theirs; None: it is not ours to see."""
    try:
        return not _denied(cluster, NEXT_PART, account)
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        return None


def _next_part(cluster: Cluster, account: str) -> Finding:
    may = may_begin_parts(cluster, account)
    if may:
        return Finding("parts", True, f"{account} may begin the next Workflow of a large run")
    if may is None:
        return Finding(
            "parts", None, f"whether {account} may begin Workflows is not for you to see"
        )
    rules = ", ".join(role_rule(*rule[:2], *rule[2]) for rule in NEXT_PART)
    return Finding(
        "parts",
        None,
        f"{account} may not create Workflows: runs of more than {split.MOST_PODS} pods are refused",
        f"if you need them, kubectl -n {cluster.namespace} apply -f docs/argo-rbac.yaml,"
        f" which has {rules}",
    )


def _exists(
    cluster: Cluster, what: str, said: str, read: Callable[..., Any], name: str, fix: str
) -> Finding:
    try:
        cluster.connection.ask(read, name, cluster.namespace)
    except ApiError as error:
        if error.status == FORBIDDEN:
            return Finding(what, None, f"{said}: whether it is there is not for you to see")
        if error.status == NOT_FOUND:
            return Finding(what, False, f"there is no {said} in {cluster.namespace}", fix)
        return Finding(what, False, error.message, error.fix)
    return Finding(what, True, said)


def _controller(cluster: Cluster) -> str:
    """See a controller take up a Workflow; no object of the cluster says that one is alive."""
    name = f"dvc-bridge-doctor-{token_hex(4)}"
    cluster.create(
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name},
            "spec": {
                "entrypoint": "nothing",
                "ttlStrategy": {"secondsAfterCompletion": 60},
                "templates": [{"name": "nothing", "suspend": {"duration": "0"}}],
            },
        }
    )
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < _CONTROLLER_S:
            if cluster.get(name).started is not None:
                return "a controller of Argo is at work"
            time.sleep(0.2)
    finally:
        with suppress(ApiError):  # what has been found counts; it also goes by itself
            cluster.delete(name)
    raise ApiError(
        NOT_FOUND,
        f"no controller of Argo has taken up a Workflow in {cluster.namespace}"
        f" for {_CONTROLLER_S:.0f} s",
        "see that workflow-controller runs and manages this namespace:"
        " kubectl get deployments -A | grep workflow-controller",
    )
