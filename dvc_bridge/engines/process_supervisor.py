"""The supervisor of an attempt, which starts each worker when its upstream tasks have ended.

`python -m dvc_bridge.engines.process_supervisor FOLDER`. SIGTERM stops the workers
and ends the supervisor.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from dvc_bridge.engines.process_status import stages_by_number, supervise
from dvc_bridge.engines.status_file import write_status
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus
from dvc_bridge.remote_run.worker_contract import KILLED, TRY_AGAIN

POLL_S = 0.05
# How long a stopped worker may take to end its command.
GRACE_S = 30.0
_SIGNAL = 128


class Supervisor:
    """The tasks of an attempt and their workers.

    Parameters
    ----------
    folder
        The folder of the attempt.
    record
        The record that `ProcessEngine.record` returned.
    """

    def __init__(self, folder: Path, record: Mapping[str, Any]) -> None:
        self._folder, self._record = folder, record
        self._tasks: dict[TaskNumber, dict[str, Any]] = {t["number"]: t for t in record["tasks"]}
        self._status = {n: TaskStatus(n, Phase.PENDING, attempts=0) for n in self._tasks}
        self._workers: dict[TaskNumber, subprocess.Popen[bytes]] = {}
        self._logs: dict[TaskNumber, IO[bytes]] = {}
        self._deadlines: dict[TaskNumber, float] = {}
        self._timed_out: set[TaskNumber] = set()
        self._stopping_since: float | None = None
        now = datetime.now(UTC)
        stages = stages_by_number(record["tasks"])
        self._run = RunStatus(record["run"], Phase.RUNNING, "", now, now, None, (), stages)

    def run(self) -> None:
        """Run all tasks that can run."""
        self._write()
        while True:
            changed = self._collect_ended() | self._omit() | self._start_ready()
            self._enforce_deadlines()
            if changed:
                self._write()
            if not self._workers and all(s.phase.is_end for s in self._status.values()):
                break
            time.sleep(POLL_S)
        self._finish()

    def stop(self, *_: object) -> None:
        """Stop the workers; no new one starts."""
        if self._stopping_since is None:
            self._stopping_since = time.monotonic()
            for worker in self._workers.values():
                _signal(worker, signal.SIGTERM)

    def _start_ready(self) -> bool:
        ready = [n for n in self._tasks if self._is_ready(n)]
        free = max(0, int(self._record["slots"]) - len(self._workers))
        for number in ready[:free]:
            self._start(number)
        return bool(ready[:free])

    def _is_ready(self, number: TaskNumber) -> bool:
        if self._stopping_since is not None or self._status[number].phase is not Phase.PENDING:
            return False
        task = self._tasks[number]
        return all(self._status[up].phase is Phase.SUCCEEDED for up in task["upstream"]) and all(
            self._status[other].phase.is_end for other in task["after"]
        )

    def _start(self, number: TaskNumber) -> None:
        task, status = self._tasks[number], self._status[number]
        work = self._folder / f"work-{number}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        log = self._logs[number] = (self._folder / f"{number}.log").open("ab")
        worker = subprocess.Popen(
            [sys.executable, "-m", "dvc_bridge", "worker", task["reference"]],
            cwd=work,
            env={**os.environ, "TMPDIR": str(work / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # its commands are stopped with it
        )
        self._workers[number] = worker
        if timeout := task["timeout_s"]:
            self._deadlines[number] = time.monotonic() + timeout
        self._status[number] = replace(
            status,
            phase=Phase.RUNNING,
            place=str(worker.pid),
            started=status.started or datetime.now(UTC),
            attempts=status.attempts + 1,
        )

    def _collect_ended(self) -> bool:
        ended = {n: code for n, w in self._workers.items() if (code := w.poll()) is not None}
        for number, code in ended.items():
            _signal(self._workers.pop(number), signal.SIGKILL)  # what its commands left behind
            self._logs.pop(number).close()
            self._deadlines.pop(number, None)
            shutil.rmtree(self._folder / f"work-{number}", ignore_errors=True)
            self._status[number] = self._next_status(number, code)
        return bool(ended)

    def _next_status(self, number: TaskNumber, code: int) -> TaskStatus:
        """Return the status of a task whose worker has ended."""
        status, now = self._status[number], datetime.now(UTC)
        code = _SIGNAL - code if code < 0 else code
        if code == 0:
            return replace(status, phase=Phase.SUCCEEDED, exit_code=0, finished=now)
        if self._stopping_since is not None:
            message = "stopped"
        elif number in self._timed_out:
            message = f"it took longer than {self._tasks[number]['timeout_s']} s"
        elif code in (*KILLED, TRY_AGAIN) and status.attempts <= self._tasks[number]["retries"]:
            return replace(status, phase=Phase.PENDING, exit_code=code)
        else:
            message = f"exit code {code}"
        return replace(status, phase=Phase.FAILED, exit_code=code, message=message, finished=now)

    def _omit(self) -> bool:
        """Omit tasks whose upstream has failed, and all that wait when the run is stopped."""
        changed = False
        for number, task in self._tasks.items():
            status = self._status[number]
            if status.phase is not Phase.PENDING:
                continue
            ends = [self._status[up].phase for up in task["upstream"]]
            if self._stopping_since is not None or any(
                phase.is_end and phase is not Phase.SUCCEEDED for phase in ends
            ):
                self._status[number] = replace(status, phase=Phase.OMITTED)
                changed = True
        return changed

    def _enforce_deadlines(self) -> None:
        now = time.monotonic()
        for number, deadline in self._deadlines.items():
            if now > deadline and number not in self._timed_out:
                self._timed_out.add(number)
                _signal(self._workers[number], signal.SIGTERM)
            if now > deadline + GRACE_S:
                _signal(self._workers[number], signal.SIGKILL)
        if self._stopping_since is not None and now > self._stopping_since + GRACE_S:
            for worker in self._workers.values():
                _signal(worker, signal.SIGKILL)

    def _finish(self) -> None:
        is_good = all(s.phase is Phase.SUCCEEDED for s in self._status.values())
        message = "stopped" if self._stopping_since is not None and not is_good else ""
        phase = Phase.SUCCEEDED if is_good else Phase.FAILED
        self._run = replace(self._run, phase=phase, message=message, finished=datetime.now(UTC))
        self._write()

    def _write(self) -> None:
        begun = tuple(s for s in self._status.values() if s.attempts or s.phase.is_end)
        write_status(self._folder, replace(self._run, tasks=begun))


def _signal(worker: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a worker and to its commands."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, number)


def main(folder: Path) -> None:
    """Supervise the attempt of a folder."""
    with supervise(folder):
        record = json.loads((folder / "record.json").read_text("utf-8"))
        supervisor = Supervisor(folder, record)
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        supervisor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
