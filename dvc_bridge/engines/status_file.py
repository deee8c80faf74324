"""The status of an attempt as a JSON file in its folder."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus

_TIMES = ("created", "started", "finished")


def write_status(folder: Path, status: RunStatus) -> None:
    """Write the status; a reader sees either the whole new status or the previous one."""
    described = asdict(status)
    text = json.dumps(described, default=lambda time: time.isoformat())
    write_whole(folder / "status.json", text, folder)


def load_status(folder: Path) -> RunStatus | None:
    """Return the status that `write_status` wrote; None: there is none yet."""
    try:
        content: dict[str, Any] = json.loads((folder / "status.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    tasks = tuple(TaskStatus(**_with_values(task, TaskStatus)) for task in content.pop("tasks"))
    stages = tuple(tuple(addresses) for addresses in content.pop("stages"))
    return RunStatus(tasks=tasks, stages=stages, **_with_values(content, RunStatus))


def _with_values(content: dict[str, Any], kind: type) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    values = {key: value for key, value in content.items() if key in names}
    values["phase"] = Phase(values["phase"])
    for key in _TIMES:
        if values.get(key):
            values[key] = datetime.fromisoformat(values[key])
    return values
