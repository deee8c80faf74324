"""Watching a Workflow until it ends, even if the connection fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.status import Workflow, workflow_of
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, UNAUTHORIZED, ApiError
from dvc_bridge.errors import UsageError

# The server ends each stream after this time, so a longer silence means a dead connection.
STREAM_S = 10
POLL_S = 2.0
# How long an API server may be unreachable, or, while it starts, refuse all users.
PATIENCE_S = 120.0
_GONE = 410


class _StaleError(Exception):
    """The server no longer has the events since the version of the last state."""


def watch(cluster: Cluster, name: str) -> Iterator[Workflow]:
    """Yield the state now, after every change, and every ten seconds, until the Workflow has ended.

    Raises
    ------
    ApiError
        The cluster refuses the request, or has not responded for two minutes.
    UsageError
        The Workflow was deleted.
    """
    for state in _states(cluster, name):
        yield state
        if state.ended:
            return


def _states(cluster: Cluster, name: str) -> Iterator[Workflow]:
    """Yield states without end, some of them more than once."""
    version, answered_at, is_found, is_polling = "", time.monotonic(), False, False
    while True:
        try:
            if not version:
                workflow = cluster.fetch(name)
                version, is_found, answered_at = _version(workflow), True, time.monotonic()
                yield workflow_of(workflow)
            if is_polling:
                version = ""
                time.sleep(POLL_S)
                continue
            for kind, workflow in _events(cluster, name, version):
                if kind == "DELETED":
                    raise _deletion_error(name)
                version = _version(workflow)
                yield workflow_of(workflow)
            answered_at = time.monotonic()
            yield workflow_of(workflow)
        except _StaleError:
            version = ""
        except ApiError as error:
            if error.status == NOT_FOUND and is_found:
                raise _deletion_error(name) from error
            is_polling = is_polling or (error.status == FORBIDDEN and bool(version))
            version = ""
            if not _is_temporary(error, is_found) or time.monotonic() - answered_at > PATIENCE_S:
                raise
            time.sleep(POLL_S)


def _is_temporary(error: ApiError, is_found: bool) -> bool:
    """Return whether to continue: a server that has just started has no tokens and Roles yet."""
    return is_found and (error.transient or error.status in (UNAUTHORIZED, FORBIDDEN))


def _events(cluster: Cluster, name: str, version: str) -> Iterator[tuple[str, dict[str, Any]]]:
    from urllib3.exceptions import HTTPError  # noqa: PLC0415  comes with an extra

    response = cluster.events(name, version, STREAM_S)
    try:
        for line in response:
            event = json.loads(line)
            if event["type"] == "ERROR":
                if event["object"].get("code") == _GONE:
                    raise _StaleError
                raise cluster.connection.unreached(event["object"].get("message"))
            yield event["type"], event["object"]
    except (HTTPError, OSError, ValueError) as exc:  # ValueError: half a line
        raise cluster.connection.unreached(exc) from exc
    finally:
        response.close()


def _version(workflow: dict[str, Any]) -> str:
    return str(workflow["metadata"]["resourceVersion"])


def _deletion_error(name: str) -> UsageError:
    return UsageError(
        f"Workflow {name} was deleted while dvc-bridge watched it",
        "submit again: results that are in the remote are kept",
    )
