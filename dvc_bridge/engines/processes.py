"""Processes of this machine as an engine, for users without a cluster, and for tests.

Each attempt of a run has a folder in `.dvc/tmp/dvc-bridge/processes` with its record, its status
and a log per task. A supervisor, which continues when the client ends, starts the workers.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.config import Sections, store_settings
from dvc_bridge.engines.attempts import merge_attempts, merge_runs, next_attempt, task_record
from dvc_bridge.engines.base import Finding, LogLine, RunRecord, RunRequest, refuse_pod_settings
from dvc_bridge.engines.log_files import new_lines
from dvc_bridge.engines.process_status import (
    START_S,
    is_supervised,
    not_started,
    read_status,
    stop_supervisor,
)
from dvc_bridge.engines.secrets_of_user import with_secrets, without_secrets
from dvc_bridge.engines.status_file import write_status
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.planning.grouping.cost_model import Costs

FOLDER = ".dvc/tmp/dvc-bridge/processes"
KEPT_S = 7 * 86_400
POLL_S = 0.1
# A worker is a Python process that imports DVC.
_WORKER_S = 1.0


class ProcessEngine:
    """The runs of one project on this machine."""

    name = "processes"
    limits_memory = False
    raises_memory = False

    def __init__(self, project: Project, settings: Settings) -> None:
        self._project, self._settings = project, settings
        self._folder = project.root / FOLDER

    @classmethod
    def connect(cls, project: Project, settings: Settings) -> Self:
        """Return the engine of a project."""
        return cls(project, settings)

    @classmethod
    def costs(cls, settings: Settings) -> Costs:
        """Return what worker processes cost."""
        slots = settings.processes.parallelism or os.cpu_count() or 1
        return Costs(
            layer_s=_WORKER_S, pod_s=_WORKER_S, create_s=0.0, wave_s=0.0, slots=slots, pods=10_000
        )

    @classmethod
    def doctor(cls, project: Project, settings: Settings) -> Iterator[Finding]:
        """Return how many workers run at a time."""
        del project
        yield Finding("workers", True, f"{cls.costs(settings).slots} processes at a time")

    @classmethod
    def store_settings(
        cls, config: Mapping[str, Any], remotes: Collection[str], settings: Settings
    ) -> Sections:
        """Return the settings of remotes without secrets; `start` reads these from the project."""
        del settings
        return without_secrets(store_settings(config, remotes))

    @classmethod
    def credentials(cls, settings: Settings) -> str:
        """Return that workers are the user's own processes."""
        del settings
        return "secrets come from the local settings of DVC"

    @classmethod
    def prepare(cls) -> AbstractContextManager[object]:
        """Prepare nothing."""
        return nullcontext()

    def check_stages(self, stages: Sequence[str]) -> None:
        """Accept every stage that can run in the same environment as with `dvc repro`."""
        refuse_pod_settings(self._settings, stages, "worker processes")

    def identity(self) -> dict[str, str | None]:
        """Return this machine and the project's folder."""
        root = str(self._project.root)
        return {"engine": self.name, "host": socket.gethostname(), "namespace": root}

    def record(self, request: RunRequest) -> RunRecord:
        """Return the tasks and their environment."""
        tasks = [task_record(task) | {"timeout_s": task.timeout_s} for task in request.tasks]
        slots = self.costs(self._settings).slots
        variables = request.environment.variables()
        return {
            "run": request.run,
            "attempt": request.run,
            "tasks": tasks,
            "environment": variables,
            "slots": slots,
        }

    def start(self, record: RunRecord) -> str:
        """Start the supervisor of an attempt."""
        self._remove_old()
        attempt = str(record["attempt"])
        folder = self._folder / attempt
        folder.mkdir(parents=True)
        write_whole(folder / "record.json", json.dumps(record), folder)
        with (folder / "supervisor.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dvc_bridge.engines.process_supervisor", str(folder)],
                env={**os.environ, **with_secrets(self._project.root, record["environment"])},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_for_start(folder, process)
        process.returncode = 0  # it outlives this process, which Popen would warn about
        return attempt

    def resume(self, run: str, record: RunRecord, tasks: Collection[TaskNumber]) -> RunRecord:
        """Return the record of an attempt with those tasks."""
        return next_attempt(run, record, tasks, {path.name for path in self._folders()})

    def watch(self, attempt: str) -> Iterator[RunStatus]:
        """Yield the status of an attempt whenever it changes."""
        previous = None
        while True:
            status = read_status(self._folder / attempt)
            if status != previous:
                yield status
                previous = status
            if status.ended:
                return
            time.sleep(POLL_S)

    def status(self, run: str) -> RunStatus:
        """Return the status of all attempts of a run as one."""
        attempts = self.attempts(run)
        if not attempts:
            raise _unknown_run(run)
        return merge_attempts(attempts)

    def runs(self) -> list[RunStatus]:
        """Return all runs."""
        statuses = map(read_status, self._folders())
        return merge_runs(sorted(statuses, key=lambda status: str(status.created)))

    def attempts(self, run: str) -> list[RunStatus]:
        """Return the attempts of a run."""
        return [status for _, status in self._attempts_of(run)]

    def logs(
        self, run: str, tasks: Collection[TaskNumber] | None, *, follow: bool
    ) -> Iterator[LogLine]:
        """Yield the lines of the logs."""
        offsets: dict[Path, int] = {}
        while True:
            attempts = self._attempts_of(run)
            if not attempts:
                raise _unknown_run(run)
            for folder, _ in attempts:
                for path in sorted(folder.glob("*.log"), key=lambda path: path.name):
                    if path.stem.isdecimal() and (tasks is None or int(path.stem) in tasks):
                        number = TaskNumber(int(path.stem))
                        yield from (LogLine(number, line) for line in new_lines(path, offsets))
            if attempts[-1][1].ended or not follow:
                return
            time.sleep(POLL_S)

    def stop(self, run: str) -> bool:
        """Stop the supervisors of a run, and so its workers."""
        stopped = [stop_supervisor(folder) for folder, _ in self._attempts_of(run)]
        return any(stopped)

    def forget(self, is_over: Callable[[str], bool]) -> None:
        """Keep everything: `start` removes old attempts."""

    def _wait_for_start(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while not (folder / "status.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                status = not_started(folder)
                write_status(folder, status)
                log = (folder / "supervisor.log").read_text(errors="replace").strip()
                raise BridgeError(f"{status.message}: {log}", f"dvc-bridge retry {status.run}")
            time.sleep(POLL_S / 5)

    def _folders(self) -> list[Path]:
        return sorted(path.parent for path in self._folder.glob("*/record.json"))

    def _attempts_of(self, run: str) -> list[tuple[Path, RunStatus]]:
        """Return the folders of the attempts of a run, each with its status, the oldest first."""
        attempts = ((folder, read_status(folder)) for folder in self._folders())
        of_run = [(folder, status) for folder, status in attempts if status.run == run]
        return sorted(of_run, key=lambda attempt: str(attempt[1].created))

    def _remove_old(self) -> None:
        for folder in self._folders():
            is_old = time.time() - folder.stat().st_mtime > KEPT_S
            if is_old and not is_supervised(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _unknown_run(run: str) -> UsageError:
    return UsageError(
        f"this project has no run {run} in processes of this machine",
        "`dvc-bridge status --engine processes` lists the runs",
    )
