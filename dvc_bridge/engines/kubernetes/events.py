"""Events of pods, by which Kubernetes says what a pod waits for."""

from __future__ import annotations

from typing import Any

from dvc_bridge.engines.kubernetes.connection import Connection


def last_warning(connection: Connection, pod: str) -> str:
    """Return the latest warning about a pod as `REASON: message`; empty if there is none.

    Raises
    ------
    ApiError
        FORBIDDEN: the user may not list events.
    """
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(connection.api)
    selector = f"involvedObject.kind=Pod,involvedObject.name={pod},type=Warning"
    listed = connection.ask(
        core.list_namespaced_event, connection.namespace, field_selector=selector
    )
    events = sorted(listed.items, key=_time)
    return f"{events[-1].reason}: {events[-1].message}" if events else ""


def _time(event: Any) -> str:
    times = (event.last_timestamp, event.event_time, event.metadata.creation_timestamp)
    return next((time.isoformat() for time in times if time), "")
