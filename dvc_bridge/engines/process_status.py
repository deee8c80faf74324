"""The status file of an attempt, which its supervisor writes and clients read."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from dvc_bridge.engines.status_file import load_record, load_status
from dvc_bridge.pipeline.run_status import Phase, RunStatus

# The time that a supervisor has to write its first status.
START_S = 30.0


def read_status(folder: Path) -> RunStatus:
    """Return the status; without its supervisor, a run has ended regardless of its last status."""
    is_alive = is_supervised(folder)
    status = load_status(folder)
    if status is None:
        record_file = folder / "record.json"
        is_late = time.time() - record_file.stat().st_mtime > START_S
        return not_started(folder) if is_late and not is_alive else _first_status(folder)
    if status.ended or is_alive:
        return status
    now = datetime.now(UTC)
    message = "the supervisor of the run is gone"
    ended = tuple(
        task
        if task.phase.is_end
        else replace(task, phase=Phase.ERROR, message=message, finished=now)
        for task in status.tasks
    )
    return replace(status, phase=Phase.ERROR, message=message, finished=now, tasks=ended)


def not_started(folder: Path) -> RunStatus:
    """Return the status of an attempt whose supervisor did not start."""
    status = _first_status(folder)
    now = datetime.now(UTC)
    message = "the supervisor of the run did not start"
    return replace(status, phase=Phase.ERROR, message=message, created=now, finished=now)


def _first_status(folder: Path) -> RunStatus:
    return RunStatus(load_record(folder)["run"], Phase.PENDING)


def supervise(folder: Path) -> IO[str]:
    """Lock a folder for its supervisor; the lock ends with the process."""
    lock = (folder / "supervisor.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def is_supervised(folder: Path) -> bool:
    """Return whether the supervisor of an attempt is alive."""
    with suppress(FileNotFoundError), (folder / "supervisor.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stop_supervisor(folder: Path) -> bool:
    """Ask the supervisor to stop its workers and end; return whether it was alive."""
    if not is_supervised(folder):
        return False
    with suppress(ProcessLookupError, ValueError, FileNotFoundError):
        os.kill(int((folder / "supervisor.lock").read_text()), signal.SIGTERM)
    return True


def stages_by_number(tasks: Sequence[dict[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """Return the addresses of each task's stages; empty for tasks that are not in the attempt."""
    by_number = {task["number"]: tuple(task["stages"]) for task in tasks}
    return tuple(by_number.get(n, ()) for n in range(max(by_number, default=-1) + 1))
