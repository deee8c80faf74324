"""Check the services that a run needs before Metaflow does, which would retry for minutes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from dvc_bridge.errors import BridgeError, StorageError, UsageError

# Metaflow's own retries take more than ten minutes if a bucket is missing.
_CONNECT_S, _READ_S, _TRIES = 5, 10, 2
_PROFILE = "write a new profile: make metaflow-config (docs/metaflow.md)"


def check_datastore(root: str) -> None:
    """Check that Metaflow's S3 datastore responds and accepts the current credentials.

    Parameters
    ----------
    root
        `s3://bucket/folder`.

    Raises
    ------
    UsageError
        The bucket does not exist, or the key is wrong or missing.
    StorageError
        The datastore does not respond.
    """
    from botocore.config import Config  # noqa: PLC0415  Metaflow needs it for such a datastore
    from metaflow.metaflow_config import S3_ENDPOINT_URL  # noqa: PLC0415
    from metaflow.plugins.aws.aws_client import get_aws_client  # noqa: PLC0415

    parts = urlsplit(root)
    options: dict[str, Any] = {
        "config": Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"total_max_attempts": _TRIES, "mode": "standard"},
        )
    }
    if S3_ENDPOINT_URL:
        options["endpoint_url"] = S3_ENDPOINT_URL
    datastore = f"Metaflow's datastore {root}" + (
        f" at {S3_ENDPOINT_URL}" if S3_ENDPOINT_URL else ""
    )
    try:
        client = get_aws_client("s3", client_params=options)
        client.list_objects_v2(Bucket=parts.netloc, Prefix=parts.path.lstrip("/"), MaxKeys=1)
    except Exception as exc:
        raise _error_for(datastore, exc) from exc


def _error_for(datastore: str, exc: Exception) -> BridgeError:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  as above

    if isinstance(exc, ClientError):
        code = exc.response.get("Error", {}).get("Code", "")
        if code == "NoSuchBucket":
            return UsageError(
                f"{datastore}: there is no such bucket", f"create the bucket, or {_PROFILE}"
            )
        return UsageError(
            f"{datastore} refuses: {exc}",
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; aws s3 ls shows"
            " what they can access",
        )
    if type(exc).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return UsageError(
            f"{datastore}: there are no credentials here",
            "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
    if isinstance(exc, BotoCoreError | OSError):
        return StorageError(
            f"{datastore} does not respond: {exc}", f"check the address, or {_PROFILE}"
        )
    return UsageError(f"{datastore} cannot be used: {exc}", _PROFILE)


def warnings(image: str, endpoint: str | None) -> Iterator[str]:
    """Yield warnings about settings that work on this machine but are likely to fail in pods."""
    host = urlsplit(endpoint or "").hostname or ""
    if host and _is_this_machine(host):
        yield (
            f"pods use the datastore at {endpoint}, which is the pod itself: set"
            " METAFLOW_S3_ENDPOINT_URL to an address that works on this machine and in pods"
        )
    if image.startswith("python:"):
        yield (
            f"pods start from {image}, which does not contain the packages that steps import: set"
            " METAFLOW_KUBERNETES_CONTAINER_IMAGE to your image"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_cluster(namespace: str, *, argo: bool) -> None:
    """Check that the cluster responds, has the namespace and, if needed, Argo Workflows.

    Raises
    ------
    ApiError
        One of these checks fails.
    UsageError
        No cluster is configured on this machine.
    """
    from dvc_bridge.engines.kubernetes.connection import connect  # noqa: PLC0415  for pods only

    connection = connect(namespace)
    from kubernetes import client  # noqa: PLC0415  an extra; connect reports if it is missing

    if argo:
        connection.ask(
            client.CustomObjectsApi(connection.api).list_namespaced_custom_object,
            *("argoproj.io", "v1alpha1", namespace, "workflowtemplates"),
            limit=1,
        )
    else:
        connection.ask(client.CoreV1Api(connection.api).list_namespaced_pod, namespace, limit=1)
