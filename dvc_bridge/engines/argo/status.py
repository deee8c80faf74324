"""The status of Workflows, parsed from their objects in the cluster."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dvc_bridge.engines.argo.pod_failure import Limits, explain, is_out_of_memory
from dvc_bridge.engines.argo.retries import values_by_attempt
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus
from dvc_bridge.remote_run.worker_contract import TIMEOUT

# The label with the run of a Workflow, and the annotation with the addresses of the stages of each
# group as JSON, {"g0": [...]}, which is left out if it is too long.
RUN_LABEL = "dvc-bridge/run"
GROUPS_ANNOTATION = "dvc-bridge/stages"
# The name of the task that creates the next Workflow, followed by the number of that part.
NEXT = "next"

_POD_NAMES = "workflows.argoproj.io/pod-name-format"
_TASK = re.compile(r"g(\d+)")
_NEXT = re.compile(rf"{NEXT}(\d+)")
_ATTEMPT = re.compile(r"g\d+\(\d+\)")


@dataclass(frozen=True, slots=True)
class Workflow(RunStatus):
    """A Workflow, or all Workflows of a run: those of `submit` and those of `retry`.

    Parameters
    ----------
    name
        The Workflow's name.
    next
        The name of the Workflow that starts when this one has ended; empty if none does.
    """

    name: str = ""
    next: str = ""


def workflow_of(workflow: Mapping[str, Any]) -> Workflow:
    """Return the status of a Workflow from its object in the cluster."""
    meta, status = workflow["metadata"], workflow.get("status") or {}
    v1_names = (meta.get("annotations") or {}).get(_POD_NAMES) == "v1"
    tasks = _tasks(meta["name"], _nodes(status), _limits(workflow), v1_names)
    return Workflow(
        name=meta["name"],
        run=(meta.get("labels") or {}).get(RUN_LABEL, meta["name"]),
        phase=Phase(status.get("phase") or "Pending"),
        message=status.get("message") or "",
        created=_time(meta.get("creationTimestamp")),
        started=_time(status.get("startedAt")),
        finished=_time(status.get("finishedAt")),
        tasks=tuple(sorted(tasks, key=lambda task: task.task)),
        stages=_stages((meta.get("annotations") or {}).get(GROUPS_ANNOTATION)),
        next=_next(meta["name"], _nodes(status)),
    )


def merge_workflows(states: Sequence[Workflow]) -> Workflow:
    """Return the Workflows of one run, oldest first, as one.

    The newest one, and those that start it, decide the phase of the run; a Workflow of `retry` has
    no pods for tasks that had succeeded before.
    """
    newest = states[-1]
    previous = {state.next: state for state in states if state.next}
    part: Workflow | None = newest
    while part and newest.phase is Phase.SUCCEEDED and (part := previous.get(part.name)):
        # A part may have failed only because its last task was lost after it had done its work.
        if any(task.phase is not Phase.SUCCEEDED for task in part.tasks):
            newest = replace(newest, phase=part.phase, message=part.message)
    tasks = {task.task: task for state in states for task in state.tasks}
    return replace(
        newest,
        created=states[0].created,
        started=states[0].started,
        tasks=tuple(tasks[number] for number in sorted(tasks)),
        stages=next((state.stages for state in states if state.stages), ()),
    )


def _next(workflow: str, nodes: Mapping[str, Any]) -> str:
    """Return the name of the next part: `run-2` after `run`, and so on."""
    matches = (_NEXT.fullmatch(node.get("displayName", "")) for node in nodes.values())
    number = next((int(match[1]) for match in matches if match), None)
    if number is None:
        return ""
    return f"{workflow.removesuffix(f'-{number - 1}') if number > 2 else workflow}-{number}"


def _tasks(
    workflow: str, nodes: Mapping[str, Any], limits: Mapping[str, Limits], v1_names: bool
) -> Iterator[TaskStatus]:
    for node in nodes.values():
        task = _TASK.fullmatch(node.get("displayName", ""))
        if task is None:
            continue
        attempts = [
            nodes[child]
            for child in node.get("children") or ()
            if child in nodes and _ATTEMPT.fullmatch(nodes[child].get("displayName", ""))
        ]
        attempts.sort(key=_attempt_number)
        last = attempts[-1] if attempts else node
        code = (last.get("outputs") or {}).get("exitCode")
        phase = _phase(node, last)
        limit = limits.get(last.get("templateName", ""), Limits())
        number = max(0, len(attempts) - 1)
        messages = [_message(node), _message(last)]
        reason = explain(messages, limit.at(number))
        yield TaskStatus(
            task=TaskNumber(int(task[1])),
            phase=phase,
            message="" if phase is Phase.OMITTED else reason.message,
            place=_pod_name(workflow, last, v1_names) if last.get("type") == "Pod" else "",
            started=_time(node.get("startedAt")),
            # The node of a task ends when the controller looks at it, seconds after its last pod.
            finished=_time(
                node.get("finishedAt") and (last.get("finishedAt") or node["finishedAt"])
            ),
            exit_code=int(code) if code else None,
            attempts=len(attempts) or int(node.get("type") == "Pod"),
            fix=reason.fix,
            is_blocked=reason.blocks and phase is Phase.PENDING,
            retry_reasons=tuple(
                explain([_message(earlier)], limit.at(n)).message
                for n, earlier in enumerate(attempts[:-1])
            ),
            out_of_memory=_out_of_memory(attempts or [node]),
        )


def _out_of_memory(attempts: Sequence[Mapping[str, Any]]) -> int:
    killed = [n for n, attempt in enumerate(attempts, 1) if is_out_of_memory(_message(attempt))]
    return max(killed, default=0)


def _message(node: Mapping[str, Any]) -> str:
    return str(node.get("message") or "")


def _attempt_number(node: Mapping[str, Any]) -> int:
    return int(node["displayName"][:-1].split("(")[1])


def _limits(workflow: Mapping[str, Any]) -> dict[str, Limits]:
    """Return what each template asks for, by its name."""
    return {
        template["name"]: _template_limits(template)
        for template in workflow.get("spec", {}).get("templates") or ()
    }


def _template_limits(template: Mapping[str, Any]) -> Limits:
    container = template.get("container", {})
    memory = container.get("resources", {}).get("limits", {}).get("memory")
    variables = {entry["name"]: entry.get("value") for entry in container.get("env") or ()}
    # Older versions had only a deadline of the pod.
    limit = str(variables.get(TIMEOUT) or template.get("activeDeadlineSeconds") or "")
    memories = values_by_attempt(template.get("podSpecPatch", ""))
    timeouts = values_by_attempt(limit) or ((limit,) if limit else ())
    return Limits(memories or ((memory,) if memory else ()), tuple(map(int, timeouts)))


def _phase(node: Mapping[str, Any], last: Mapping[str, Any]) -> Phase:
    """Return the phase; Argo reports a node with retries as running while its pod waits."""
    phase = node.get("phase") or "Pending"
    if phase == "Running" and last is not node:
        return Phase.RUNNING if last.get("phase") == "Running" else Phase.PENDING
    return Phase(phase)


def _pod_name(workflow: str, node: Mapping[str, Any], v1_names: bool) -> str:
    """Return the name of a pod as Argo's controller builds it; the Workflow does not contain it."""
    if v1_names or node["id"] == workflow:
        return str(node["id"])
    return f"{workflow}-{node['templateName']}-{node['id'].rpartition('-')[2]}"


def _nodes(status: Mapping[str, Any]) -> Mapping[str, Any]:
    if packed := status.get("compressedNodes"):
        nodes: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed)))
        return nodes
    return status.get("nodes") or {}


def _stages(annotation: str | None) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = json.loads(annotation or "{}")
    return tuple(tuple(groups[f"g{number}"]) for number in range(len(groups)))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
