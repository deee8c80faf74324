"""What a run needs from elsewhere, asked before Metaflow does, which would ask for minutes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from dvc_bridge.errors import BridgeError, StorageError, UsageError

# Metaflow's own tries add up to more than ten minutes where a bucket is missing.
_CONNECT_S, _READ_S, _TRIES = 5, 10, 2
_PROFILE = "make metaflow-config writes it anew (docs/metaflow.md)"


def check_datastore(root: str) -> None:
    """Check that Metaflow's S3 datastore answers, with the credentials that are here.

    Parameters
    ----------
    root
        `s3://bucket/folder`.

    Raises
    ------
    UsageError
        There is no such bucket, or the key is wrong or missing.
    StorageError
        It does not answer.
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
    where = f"Metaflow's datastore {root}" + (f" at {S3_ENDPOINT_URL}" if S3_ENDPOINT_URL else "")
    try:
        client = get_aws_client("s3", client_params=options)
        client.list_objects_v2(Bucket=parts.netloc, Prefix=parts.path.lstrip("/"), MaxKeys=1)
    except Exception as exc:
        raise _fault(where, exc) from exc


def _fault(where: str, exc: Exception) -> BridgeError:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  as above

    if isinstance(exc, ClientError):
        code = exc.response.get("Error", {}).get("Code", "")
        if code == "NoSuchBucket":
            return UsageError(f"{where}: there is no such bucket", f"make it, or {_PROFILE}")
        return UsageError(
            f"{where} refuses: {exc}",
            "see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE: aws s3 ls shows what"
            " they may do",
        )
    if type(exc).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return UsageError(
            f"{where}: there are no credentials here",
            "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
    if isinstance(exc, BotoCoreError | OSError):
        return StorageError(f"{where} does not answer: {exc}", f"see the address; {_PROFILE}")
    return UsageError(f"{where} cannot be used: {exc}", _PROFILE)


def warnings(image: str, endpoint: str | None) -> Iterator[str]:
    """Say what is likely to be wrong for pods, though it is right here."""
    host = urlsplit(endpoint or "").hostname or ""
    if host and _is_this_machine(host):
        yield (
            f"pods look for the datastore at {endpoint}, and that is the pod itself: name an"
            " address that means the same here and there (METAFLOW_S3_ENDPOINT_URL)"
        )
    if image.startswith("python:"):
        yield (
            f"pods start from {image}, which has none of the packages that steps import: name your"
            " image (METAFLOW_KUBERNETES_CONTAINER_IMAGE)"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_cluster(namespace: str, *, argo: bool) -> None:
    """Check that the cluster answers, has the namespace and, where it is needed, Argo Workflows.

    Raises
    ------
    ApiError
        It does not.
    UsageError
        No cluster is configured here.
    """
    from dvc_bridge.engines.kubernetes.connection import connect  # noqa: PLC0415  for pods only

    connection = connect(namespace)
    from kubernetes import client  # noqa: PLC0415  an extra; connect says if it is missing

    if argo:
        connection.ask(
            client.CustomObjectsApi(connection.api).list_namespaced_custom_object,
            *("argoproj.io", "v1alpha1", namespace, "workflowtemplates"),
            limit=1,
        )
    else:
        connection.ask(client.CoreV1Api(connection.api).list_namespaced_pod, namespace, limit=1)
