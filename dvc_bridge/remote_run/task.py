"""The task of one pod: its stages, and the results of the stages upstream.

The plan.json of a run is a list of tasks, one per line, so that a pod reads only its own line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dvc_bridge.errors import UsageError, VersionMismatchError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.result import Result, plain_result, result_from_plain
from dvc_bridge.pipeline.serialize import from_text, parse_stage, plain_stage, to_text
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.remote_run.worker_contract import PlanLine

VERSION = 2


@dataclass(frozen=True, slots=True)
class TaskStage:
    """A stage that a pod brings up to date.

    Parameters
    ----------
    intact
        The paths of the outs that match dvc.lock in the workspace.
    links
        The paths of the outs that are links to folders in the workspace: commands write through
        them.
    """

    stage: Stage
    intact: frozenset[str]
    links: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Upstream:
    """A stage outside of the group whose outs the group reads.

    Parameters
    ----------
    result
        The result of the stage; None: another pod of the run produces it.
    """

    stage: Stage
    result: Result | None


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A group of stages as its pod receives it, all in DVC's order.

    Parameters
    ----------
    dvc
        The version of DVC, which must be the same in the pod.
    root
        The project's folder within the snapshot; `.` is its root.
    git
        Whether the project is in a git repository.
    """

    number: TaskNumber
    tasks: tuple[TaskStage, ...]
    upstream: tuple[Upstream, ...]
    dvc: str
    root: str = "."
    git: bool = True
    force: bool = False
    jobs: int = 1
    mutexes: tuple[tuple[str, ...], ...] = ()


def task_text(entry: PlannedTask) -> str:
    """Return a task as its line of plan.json."""
    plain = {
        "version": VERSION,
        **{key: getattr(entry, key) for key in ("number", "dvc", "root", "git", "force", "jobs")},
        "mutexes": entry.mutexes,
        "tasks": [
            {
                "stage": plain_stage(task.stage),
                "intact": sorted(task.intact),
                **({"links": sorted(task.links)} if task.links else {}),
            }
            for task in entry.tasks
        ],
        "upstream": [
            {
                "stage": plain_stage(up.stage),
                "result": up.result and plain_result(replace(up.result, execution=None)),
            }
            for up in entry.upstream
        ],
    }
    return to_text(plain)


def parse_task(text: str | bytes) -> PlannedTask:
    """Read a line of plan.json.

    Raises
    ------
    VersionMismatchError
        A different version of dvc-bridge wrote the line.
    UsageError
        The text is not such a line.
    """
    try:
        value: dict[str, Any] = from_text(text)
        version = value.pop("version", None)
    except (ValueError, AttributeError) as exc:
        raise UsageError(
            "the plan in the remote cannot be read", "submit again; gc removes it"
        ) from exc
    if version != VERSION:
        raise VersionMismatchError(
            f"the plan has version {version}, but this dvc-bridge reads version {VERSION}",
            "use the same version of dvc-bridge here and in the image",
        )
    tasks = (
        TaskStage(parse_stage(t["stage"]), frozenset(t["intact"]), frozenset(t.get("links", ())))
        for t in value.pop("tasks")
    )
    upstream = (
        Upstream(
            parse_stage(up["stage"]), result_from_plain(up["result"]) if up["result"] else None
        )
        for up in value.pop("upstream")
    )
    mutexes = tuple(tuple(group) for group in value.pop("mutexes"))
    return PlannedTask(tasks=tuple(tasks), upstream=tuple(upstream), mutexes=mutexes, **value)


def plan_file(entries: Sequence[PlannedTask]) -> tuple[bytes, list[str]]:
    """Return plan.json and the references of its tasks.

    Returns
    -------
    tuple
        The file, and for each task `<number>:<start>:<length>`, with start and length in bytes.
    """
    lines, references, start = [b"["], [], 2
    for index, entry in enumerate(entries):
        line = task_text(entry).encode()
        references.append(str(PlanLine(entry.number, start, len(line))))
        lines.append(line + b"," * (index + 1 < len(entries)))
        start += len(lines[-1]) + 1
    return b"\n".join([*lines, b"]\n"]), references
