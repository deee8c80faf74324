"""Watching a Workflow until it ends, whatever happens to the connection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from dvc_bridge.engines.argo.client import Cluster
from dvc_bridge.engines.argo.status import Workflow, workflow_of
from dvc_bridge.engines.kubernetes.errors import FORBIDDEN, NOT_FOUND, UNAUTHORIZED, ApiError
from dvc_bridge.errors import UsageError

# The server ends each stream after this time, so that silence for longer is a dead connection.
STREAM_S = 10
POLL_S = 2.0
# For how long an API server may be away, or, while it starts, know nobody.
PATIENCE_S = 120.0
_GONE = 410


class _StaleError(Exception):
    """The server no longer has the events since our version."""


def watch(cluster: Cluster, name: str) -> Iterator[Workflow]:
    """Return the state now, after every change, and every ten seconds, until it has ended.

    Raises
    ------
    ApiError
        The cluster refuses, or has not answered for two minutes.
    UsageError
        Somebody has deleted the Workflow.
    """
    for state in _states(cluster, name):
        yield state
        if state.ended:
            return


def _states(cluster: Cluster, name: str) -> Iterator[Workflow]:
    """Return states without end, some of them more than once."""
    version, answered, known, polling = "", time.monotonic(), False, False
    while True:
        try:
            if not version:
                found = cluster.fetch(name)
                version, known, answered = _version(found), True, time.monotonic()
                yield workflow_of(found)
            if polling:
                version = ""
                time.sleep(POLL_S)
                continue
            for kind, found in _events(cluster, name, version):
                if kind == "DELETED":
                    raise _deleted(name)
                version = _version(found)
                yield workflow_of(found)
            answered = time.monotonic()
            yield workflow_of(found)
        except _StaleError:
            version = ""
        except ApiError as error:
            if error.status == NOT_FOUND and known:
                raise _deleted(name) from error
            polling = polling or (error.status == FORBIDDEN and bool(version))
            version = ""
            if not _may_pass(error, known) or time.monotonic() - answered > PATIENCE_S:
                raise
            time.sleep(POLL_S)


def _may_pass(error: ApiError, known: bool) -> bool:
    """Tell if to go on: a server that has just started knows no tokens and no Roles yet."""
    return known and (error.transient or error.status in (UNAUTHORIZED, FORBIDDEN))


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


def _version(found: dict[str, Any]) -> str:
    return str(found["metadata"]["resourceVersion"])


def _deleted(name: str) -> UsageError:
    return UsageError(
        f"the Workflow {name} has been deleted while it was watched",
        "submit again: results that are in the remote are kept",
    )
