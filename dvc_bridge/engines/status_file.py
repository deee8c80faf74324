"""The status of an attempt as a JSON file in its folder."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus

_TIMES = ("created", "started", "finished")


def write_status(folder: Path, status: RunStatus) -> None:
    """Write the status; a reader sees either the whole new status or the previous one."""
    described = asdict(status)
    text = json.dumps(described, default=lambda time: time.isoformat())
    write_whole(folder / "status.json", text, folder)


def load_status(folder: Path) -> RunStatus | None:
    """Return the status that `write_status` wrote; None: there is none yet.

    Raises
    ------
    UsageError
        The file is damaged.
    """
    file = folder / "status.json"
    with suppress(FileNotFoundError), _damage_of(file):
        content: dict[str, Any] = json.loads(file.read_text("utf-8"))
        tasks = tuple(TaskStatus(**_with_values(task, TaskStatus)) for task in content.pop("tasks"))
        stages = tuple(tuple(addresses) for addresses in content.pop("stages"))
        return RunStatus(tasks=tasks, stages=stages, **_with_values(content, RunStatus))
    return None


def load_record(folder: Path) -> dict[str, Any]:
    """Return the record of an attempt, which has the name of its run.

    Raises
    ------
    UsageError
        The file is damaged.
    """
    file = folder / "record.json"
    with _damage_of(file):
        record: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return {**record, "run": str(record["run"])}


@contextmanager
def _damage_of(file: Path) -> Generator[None]:
    """Turn what reading other JSON than the expected one raises into an error that names `file`."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise UsageError(
            f"{file} is damaged: {exc}",
            "delete its folder; `dvc-bridge collect` still merges what the run finished",
        ) from exc


def _with_values(content: dict[str, Any], kind: type) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    # JSON has no tuples.
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in content.items()
        if key in names
    }
    values["phase"] = Phase(values["phase"])
    for key in _TIMES:
        if values.get(key):
            values[key] = datetime.fromisoformat(values[key])
    return values
