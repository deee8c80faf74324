"""What Kubernetes says about a pod that waits: its events, and its scheduling gates."""

from __future__ import annotations

from typing import Any

from dvc_bridge.engines.kubernetes.connection import Connection

# Warnings about the settings of a node, which do not keep a pod from starting.
_HARMLESS = frozenset(("MissingClusterDNS", "DNSConfigForming"))


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
    events = sorted((e for e in listed.items if e.reason not in _HARMLESS), key=_time)
    return f"{events[-1].reason}: {events[-1].message}" if events else ""


def scheduling_gates(connection: Connection, pod: str) -> str:
    """Return the gates that keep a pod from a node as `SchedulingGated: names`; empty if none.

    Queues such as Kueue add a gate, and remove it when their quota has room for the pod.

    Raises
    ------
    ApiError
        FORBIDDEN: the user may not read pods.
    """
    from kubernetes import client  # noqa: PLC0415  an extra

    core = client.CoreV1Api(connection.api)
    found = connection.ask(core.read_namespaced_pod, pod, connection.namespace)
    names = [gate.name for gate in found.spec.scheduling_gates or ()]
    return f"SchedulingGated: {', '.join(names)}" if names else ""


def _time(event: Any) -> str:
    times = (event.last_timestamp, event.event_time, event.metadata.creation_timestamp)
    return next((time.isoformat() for time in times if time), "")
