"""What one pod must know: its stages, and what those before them have left.

A run's plan.json is a list of these, one a line, so that a pod reads its own line and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.errors import UsageError, VersionMismatchError
from dvc_bridge.pipeline.result import Result, plain_result
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
        The outs that the workspace has as dvc.lock says, by path.
    links
        The outs that are links to folders in the workspace: commands write through them.
    """

    stage: Stage
    intact: frozenset[str]
    links: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Upstream:
    """A stage outside of the group whose outs it reads.

    Parameters
    ----------
    result
        What became of it; None: another pod of the run will say.
    """

    stage: Stage
    result: Result | None


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A group of stages as its pod gets it, all in DVC's order.

    Parameters
    ----------
    dvc
        The version that the pod must have too.
    root
        The project's folder within the snapshot; `.` is its root.
    git
        Whether the project stands in a git repository.
    """

    number: int
    tasks: tuple[TaskStage, ...]
    upstream: tuple[Upstream, ...]
    dvc: str
    root: str = "."
    git: bool = True
    force: bool = False
    jobs: int = 1
    mutexes: tuple[tuple[str, ...], ...] = ()


def entry_text(entry: PlannedTask) -> str:
    """Return an entry as its line of plan.json."""
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
            {"stage": plain_stage(up.stage), "result": up.result and plain_result(up.result)}
            for up in entry.upstream
        ],
    }
    return to_text(plain)


def parse_task(text: str | bytes) -> PlannedTask:
    """Read a line of plan.json.

    Raises
    ------
    VersionMismatchError
        Another version of dvc-bridge has written it.
    UsageError
        It is no such line.
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
            f"the plan is of version {version}, this dvc-bridge reads {VERSION}",
            "use the same version of dvc-bridge here and in the image",
        )
    tasks = (
        TaskStage(parse_stage(t["stage"]), frozenset(t["intact"]), frozenset(t.get("links", ())))
        for t in value.pop("tasks")
    )
    upstream = (
        Upstream(parse_stage(up["stage"]), Result(**up["result"]) if up["result"] else None)
        for up in value.pop("upstream")
    )
    mutexes = tuple(tuple(group) for group in value.pop("mutexes"))
    return PlannedTask(tasks=tuple(tasks), upstream=tuple(upstream), mutexes=mutexes, **value)


def plan_file(entries: Sequence[PlannedTask]) -> tuple[bytes, list[str]]:
    """Return plan.json, and for each entry the word by which its pod finds it.

    Returns
    -------
    tuple
        The file, and `<number>:<start>:<length>` in bytes for each entry.
    """
    lines, words, start = [b"["], [], 2
    for place, entry in enumerate(entries):
        line = entry_text(entry).encode()
        words.append(str(PlanLine(entry.number, start, len(line))))
        lines.append(line + b"," * (place + 1 < len(entries)))
        start += len(lines[-1]) + 1
    return b"\n".join([*lines, b"]\n"]), words
