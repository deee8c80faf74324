"""How far a run on the cluster is: what Argo says of its Workflows, as values."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

# Of a Workflow: which run it belongs to, and, unless it is too long, the addresses of the stages
# of each group, as JSON: {"g0": [...]}.
RUN_LABEL = "dvc-bridge/run"
GROUPS_ANNOTATION = "dvc-bridge/stages"
# The task that begins the Workflow after this one is named so, and by the number of that part.
NEXT = "next"

_POD_NAMES = "workflows.argoproj.io/pod-name-format"
_TASK = re.compile(r"g(\d+)")
_NEXT = re.compile(rf"{NEXT}(\d+)")
_ATTEMPT = re.compile(r"g\d+\(\d+\)")
_BAD = ("Error", "Failed")
_ENDED = (*_BAD, "Succeeded")


@dataclass(frozen=True, slots=True)
class PodState:
    """One group of stages, in the newest of its pods.

    Parameters
    ----------
    phase
        Argo's word: Pending, Running, Succeeded, Failed, Error, Skipped, Omitted.
    pod
        Its name; empty if there never was one.
    started, finished
        In UTC.
    exit_code
        Of the worker; None if there is none (yet).
    attempts
        How many pods there were.
    """

    group: int
    phase: str
    message: str
    pod: str
    started: datetime | None
    finished: datetime | None
    exit_code: int | None = None
    attempts: int = 1

    @property
    def bad(self) -> bool:
        """Whether it has ended, and not well."""
        return self.phase in _BAD


# What a pod's message begins with, and what to do: such a pod does not start by itself.
_STUCK = {
    "ErrImage": "have argo.image in dvc-bridge.yaml name an image that the nodes can get",
    "ImagePullBackOff": "have argo.image in dvc-bridge.yaml name an image that the nodes can get",
    "InvalidImageName": "correct argo.image in dvc-bridge.yaml",
    "CreateContainerConfigError": "make the Secret that argo.secrets names: docs/argo.md",
}


def stuck(pod: PodState) -> str | None:
    """Say what to do about a pod that cannot start; None: it may."""
    if pod.phase != "Pending":
        return None
    return next((fix for word, fix in _STUCK.items() if pod.message.startswith(word)), None)


@dataclass(frozen=True, slots=True)
class RunState:
    """A Workflow, or all Workflows of a run: those that `submit` made, and those of retries.

    Parameters
    ----------
    next
        The name of the Workflow that follows by itself when this one has ended; empty if none does.
    pods
        Of the groups that have begun, by number.
    groups
        The addresses of each group's stages; empty if the Workflow does not name them.
    """

    name: str
    run: str
    phase: str
    message: str
    created: datetime | None
    started: datetime | None
    finished: datetime | None
    pods: tuple[PodState, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    offloaded: bool = False
    next: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.phase in _ENDED


def run_state(workflow: Mapping[str, Any]) -> RunState:
    """Read a Workflow as the cluster has it."""
    meta, status = workflow["metadata"], workflow.get("status") or {}
    v1_names = (meta.get("annotations") or {}).get(_POD_NAMES) == "v1"
    return RunState(
        name=meta["name"],
        run=(meta.get("labels") or {}).get(RUN_LABEL, meta["name"]),
        phase=status.get("phase") or "Pending",
        message=status.get("message") or "",
        created=_time(meta.get("creationTimestamp")),
        started=_time(status.get("startedAt")),
        finished=_time(status.get("finishedAt")),
        pods=tuple(sorted(_pods(meta["name"], _nodes(status), v1_names), key=lambda p: p.group)),
        groups=_groups((meta.get("annotations") or {}).get(GROUPS_ANNOTATION)),
        offloaded=bool(status.get("offloadNodeStatusVersion")),
        next=_next(meta["name"], _nodes(status)),
    )


def joined(states: Sequence[RunState]) -> RunState:
    """Give the Workflows of one run, in the order of their making, as one.

    The newest, and those that it follows by itself, tell how the run stands; what `retry` has made
    has no pods for groups that had ended well before.
    """
    newest = states[-1]
    before = {state.next: state for state in states if state.next}
    part: RunState | None = newest
    while part and newest.phase == "Succeeded" and (part := before.get(part.name)):
        # One whose last task was lost after its work may have failed by that alone.
        if any(pod.phase != "Succeeded" for pod in part.pods):
            newest = replace(newest, phase=part.phase, message=part.message)
    pods = {pod.group: pod for state in states for pod in state.pods}
    return replace(
        newest,
        created=states[0].created,
        started=states[0].started,
        pods=tuple(pods[group] for group in sorted(pods)),
        groups=next((state.groups for state in states if state.groups), ()),
        offloaded=any(state.offloaded for state in states),
    )


def _next(workflow: str, nodes: Mapping[str, Any]) -> str:
    """Give the name of the part after this one: of `run` that is `run-2`, and so on."""
    found = (_NEXT.fullmatch(node.get("displayName", "")) for node in nodes.values())
    number = next((int(match[1]) for match in found if match), None)
    if number is None:
        return ""
    return f"{workflow.removesuffix(f'-{number - 1}') if number > 2 else workflow}-{number}"


def _pods(workflow: str, nodes: Mapping[str, Any], v1_names: bool) -> Iterator[PodState]:
    for node in nodes.values():
        task = _TASK.fullmatch(node.get("displayName", ""))
        if task is None:
            continue
        attempts = [
            nodes[child]
            for child in node.get("children") or ()
            if child in nodes and _ATTEMPT.fullmatch(nodes[child].get("displayName", ""))
        ]
        last = max(attempts, key=lambda a: int(a["displayName"][:-1].split("(")[1]), default=node)
        code = (last.get("outputs") or {}).get("exitCode")
        yield PodState(
            group=int(task[1]),
            phase=_phase(node, last),
            # Of a try that waits, the reason stands at its pod alone.
            message=node.get("message") or last.get("message") or "",
            pod=_pod_name(workflow, last, v1_names) if last.get("type") == "Pod" else "",
            started=_time(node.get("startedAt")),
            finished=_time(node.get("finishedAt")),
            exit_code=int(code) if code else None,
            attempts=len(attempts) or int(node.get("type") == "Pod"),
        )


def _phase(node: Mapping[str, Any], last: Mapping[str, Any]) -> str:
    """Give the phase; one that may be retried counts as running for Argo while its pod waits."""
    phase = node.get("phase") or "Pending"
    if phase == "Running" and last is not node:
        return "Running" if last.get("phase") == "Running" else "Pending"
    return str(phase)


def _pod_name(workflow: str, node: Mapping[str, Any], v1_names: bool) -> str:
    """Give the name as Argo's controller makes it; it stands nowhere in the Workflow."""
    if v1_names or node["id"] == workflow:
        return str(node["id"])
    return f"{workflow}-{node['templateName']}-{node['id'].rpartition('-')[2]}"


def _nodes(status: Mapping[str, Any]) -> Mapping[str, Any]:
    if packed := status.get("compressedNodes"):
        unpacked: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
        return unpacked
    return status.get("nodes") or {}


def _groups(annotation: str | None) -> tuple[tuple[str, ...], ...]:
    named: dict[str, list[str]] = json.loads(annotation or "{}")
    return tuple(tuple(named[f"g{number}"]) for number in range(len(named)))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
