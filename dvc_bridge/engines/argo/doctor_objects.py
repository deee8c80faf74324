"""Checks that the objects exist that pods refer to by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.rbac_file import RBAC_FILE, render_apply_command
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, ApiError
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.task_settings import Resources

_TOKEN_ANNOTATION = "workflows.argoproj.io/service-account-token.name"  # noqa: S105  no token
_CREATE_SECRET = "kubectl -n {space} create secret generic {name} --from-literal=KEY=VALUE ..."  # noqa: S105


def check_objects(
    cluster: Cluster, argo: ArgoSettings, tasks: Mapping[str, Resources]
) -> Iterator[Finding]:
    """Yield the findings about the objects that the settings of stages name."""
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(cluster.connection.api)
    scheduling = client.SchedulingV1Api(cluster.connection.api)
    pods = [task.pod for task in tasks.values()]
    secrets = [
        *(secret for pod in pods for secret, _ in pod.secret_files),
        *(secret for task in tasks.values() for secret in task.secret_env),
    ]
    pulls = [*argo.image_pull_secrets, *(name for pod in pods for name in pod.image_pull_secrets)]
    claims = [volume.claim for pod in pods for _, volume in pod.volumes]
    known = set(argo.all_secrets)
    yield from find_all(
        cluster, "secret", core.read_namespaced_secret, [s for s in secrets if s not in known]
    )
    yield from find_all(cluster, "pull secret", core.read_namespaced_secret, pulls)
    maps = [name for pod in pods for name in pod.env_from]
    yield from find_all(cluster, "config map", core.read_namespaced_config_map, maps)
    read_claim = core.read_namespaced_persistent_volume_claim
    yield from find_all(cluster, "claim", read_claim, claims)
    accounts = [pod.service_account or "" for pod in pods]
    read_account = core.read_namespaced_service_account
    yield from find_all(cluster, "account", read_account, accounts)
    priorities = [pod.priority_class or "" for pod in pods]
    yield from find_all(
        cluster,
        "priority",
        lambda name, _, **k: scheduling.read_priority_class(name, **k),
        priorities,
    )


def find_all(
    cluster: Cluster, kind: str, read: Callable[..., Any], names: Iterable[str]
) -> Iterator[Finding]:
    """Yield whether each object of a kind exists; empty names and repetitions are left out."""
    for name in dict.fromkeys(filter(None, names)):
        fix = f"create it in {cluster.namespace}, or correct its name in dvc-bridge.yaml"
        if kind == "secret":
            fix = _CREATE_SECRET.format(space=cluster.namespace, name=name)
        yield find_object(cluster, kind, f"{kind} {name}", read, name, fix)


def find_account(cluster: Cluster, name: str) -> Finding:
    """Return whether the service account of the Workflows exists."""
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(cluster.connection.api)
    return find_object(
        cluster,
        "account",
        f"service account {name}",
        core.read_namespaced_service_account,
        name,
        f"{render_apply_command(cluster.namespace)}, or name another as"
        " argo.service_account in dvc-bridge.yaml",
    )


def find_token(cluster: Cluster, account: str) -> Finding:
    """Return whether the Secret with the token for Argo's own containers exists.

    A pod waits for this Secret without end.
    """
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(cluster.connection.api)
    try:
        read = core.read_namespaced_service_account
        name = _token_name(cluster.connection.ask(read, account, cluster.namespace))
    except ApiError:
        name = f"{account}.service-account-token"
    return find_object(
        cluster,
        "token",
        f"secret {name}, the token of the account {account},",
        core.read_namespaced_secret,
        name,
        f"{RBAC_FILE} has it for dvc-bridge; write one like it for {account}",
    )


def _token_name(account: Any) -> str:
    """Return the name of the Secret by the rule of Argo."""
    if account.secrets:
        return str(account.secrets[0].name)
    annotations = account.metadata.annotations or {}
    default = f"{account.metadata.name}.service-account-token"
    return str(annotations.get(_TOKEN_ANNOTATION, default))


def find_object(
    cluster: Cluster, subject: str, description: str, read: Callable[..., Any], name: str, fix: str
) -> Finding:
    """Return whether an object exists; unknown if the user may not read it."""
    try:
        cluster.connection.ask(read, name, cluster.namespace)
    except ApiError as error:
        if error.status == FORBIDDEN:
            return Finding(subject, None, f"{description}: cannot check: you may not read it")
        if error.status == NOT_FOUND:
            return Finding(subject, False, f"there is no {description} in {cluster.namespace}", fix)
        return Finding(subject, False, error.message, error.fix)
    return Finding(subject, True, description.rstrip(","))
