"""An example of an engine: a script that runs the tasks of a run one after the other.

It shows what an engine has to do and no more. An attempt is a folder with the record, one log and
one exit code per task, and the process id of the script. To install an engine, a package names its
class in the entry point group `dvc_bridge.engines`, as script_engine.dist-info does here.
"""

# ruff: noqa: ARG002, ARG003  an engine may ignore what it is given
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.config import Sections, store_settings
from dvc_bridge.engines.base import Finding, LogLine, RunRecord, RunRequest
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus
from dvc_bridge.planning.grouping.cost_model import Costs


class ScriptEngine:
    """The runs of one project, each of them a script."""

    name = "script"
    limits_memory = False
    raises_memory = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def connect(cls, project: Project, settings: Settings) -> Self:
        """Return the engine of a project."""
        return cls(project.root / ".dvc" / "tmp" / "scripts")

    @classmethod
    def costs(cls, settings: Settings) -> Costs:
        """Return that one task runs at a time."""
        return Costs(slots=1)

    @classmethod
    def doctor(cls, project: Project, settings: Settings) -> Iterator[Finding]:
        """Return that nothing is needed."""
        yield Finding("script", True, "needs nothing")

    @classmethod
    def store_settings(
        cls, config: Mapping[str, Any], remotes: Collection[str], settings: Settings
    ) -> Sections:
        """Return URLs only: its workers read credentials from their environment."""
        sections = store_settings(config, remotes)
        return {
            n: {k: v for k, v in s.items() if k in ("url", "remote")} for n, s in sections.items()
        }

    @classmethod
    def credentials(cls, settings: Settings) -> str:
        """Return where credentials come from."""
        return "secrets come from the environment"

    @classmethod
    def prepare(cls) -> AbstractContextManager[object]:
        """Prepare nothing."""
        return nullcontext()

    def check_stages(self, stages: Sequence[str]) -> None:
        """Accept every stage."""

    def identity(self) -> dict[str, str | None]:
        """Return the folder."""
        return {"engine": self.name, "host": None, "namespace": str(self._folder)}

    def record(self, request: RunRequest) -> RunRecord:
        """Return the tasks as JSON."""
        tasks = [asdict(task) | {"resources": {}} for task in request.tasks]
        environment = request.environment.variables()
        record = {"run": request.run, "attempt": request.run, "tasks": tasks}
        loaded: RunRecord = json.loads(json.dumps(record | {"environment": environment}))
        return loaded

    def start(self, record: RunRecord) -> str:
        """Start the script of an attempt."""
        folder = self._folder / record["attempt"]
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(json.dumps(record))
        process = subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env={**os.environ, **record["environment"]},
            start_new_session=True,
        )
        (folder / "pid").write_text(str(process.pid))
        process.returncode = 0  # it outlives this process, which Popen would warn about
        return str(record["attempt"])

    def resume(self, run: str, record: RunRecord, tasks: Collection[TaskNumber]) -> RunRecord:
        """Return the record of an attempt with some of the tasks."""
        left = [task for task in record["tasks"] if task["number"] in tasks]
        return {**record, "attempt": f"{run}-{len(self.attempts(run))}", "tasks": left}

    def watch(self, attempt: str) -> Iterator[RunStatus]:
        """Yield the status until the attempt has ended."""
        while True:
            status = self._status(self._folder / attempt)
            yield status
            if status.ended:
                return
            time.sleep(0.05)

    def status(self, run: str) -> RunStatus:
        """Return the newest attempt, with the tasks of all."""
        found = self.attempts(run)
        if not found:
            raise UsageError(f"there is no run {run}", "dvc-bridge status")
        tasks = {task.task: task for attempt in found for task in attempt.tasks}
        return RunStatus(run, found[-1].phase, tasks=tuple(tasks.values()), stages=found[0].stages)

    def runs(self) -> list[RunStatus]:
        """Return all runs."""
        records = map(_record_of, sorted(self._folder.glob("*/record.json")))
        return [self.status(run) for run in dict.fromkeys(record["run"] for record in records)]

    def attempts(self, run: str) -> list[RunStatus]:
        """Return the attempts of a run."""
        files = sorted(self._folder.glob("*/record.json"))
        return [self._status(file.parent) for file in files if _record_of(file)["run"] == run]

    def logs(
        self, run: str, tasks: Collection[TaskNumber] | None, *, follow: bool
    ) -> Iterator[LogLine]:
        """Yield the lines of the logs."""
        for file in sorted(self._folder.glob(f"{run}*/*.log")):
            number = TaskNumber(int(file.stem))
            if tasks is None or number in tasks:
                for line in file.read_text().splitlines():
                    yield LogLine(number, line)

    def stop(self, run: str) -> bool:
        """Kill the scripts of a run."""
        going = [
            folder for folder in self._folder.glob(f"{run}*") if not self._status(folder).ended
        ]
        for folder in going:
            with suppress(ProcessLookupError):
                os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)
            (folder / "end").write_text("stopped")
        return bool(going)

    def forget(self, is_over: Callable[[str], bool]) -> None:
        """Keep everything."""

    def _status(self, folder: Path) -> RunStatus:
        record = _record_of(folder / "record.json")
        tasks = tuple(_task_status(folder, task["number"]) for task in record["tasks"])
        stages = {task["number"]: tuple(task["stages"]) for task in record["tasks"]}
        named = tuple(stages.get(n, ()) for n in range(max(stages) + 1))
        phase = Phase.RUNNING
        if (folder / "end").exists():
            good = all(task.phase is Phase.SUCCEEDED for task in tasks)
            phase = Phase.SUCCEEDED if good else Phase.FAILED
        return RunStatus(record["run"], phase, tasks=tasks, stages=named)


def _task_status(folder: Path, number: TaskNumber) -> TaskStatus:
    codes = [int(code) for code in _text(folder / f"{number}.codes").split()]
    is_over = (folder / "end").exists() or bool(codes and codes[-1] not in (75, 137))
    place = str(number) if (folder / f"{number}.log").exists() else ""
    if codes and codes[-1] == 0:
        return TaskStatus(number, Phase.SUCCEEDED, place=place, exit_code=0, attempts=len(codes))
    if is_over:
        phase = Phase.FAILED if place else Phase.OMITTED
        code = codes[-1] if codes else None
        return TaskStatus(number, phase, place=place, exit_code=code, attempts=len(codes))
    phase = Phase.RUNNING if place else Phase.PENDING
    return TaskStatus(number, phase, place=place, attempts=len(codes) + bool(place))


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def _record_of(file: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file.read_text())
    return record


def run_tasks(folder: Path) -> None:
    """Run the tasks of an attempt: this is the script."""
    succeeded: set[TaskNumber] = set()
    record = _record_of(folder / "record.json")
    numbers = {task["number"] for task in record["tasks"]}
    for task in record["tasks"]:
        if not set(task["upstream"]) & numbers <= succeeded:
            continue
        for _ in range(3):
            work = folder / f"work-{task['number']}-{time.monotonic_ns()}"
            work.mkdir()
            with (folder / f"{task['number']}.log").open("ab") as log:
                worker = [sys.executable, "-m", "dvc_bridge", "worker", task["reference"]]
                code = subprocess.run(worker, cwd=work, stdout=log, stderr=log).returncode
            code = 128 - code if code < 0 else code
            with (folder / f"{task['number']}.codes").open("a") as codes:
                codes.write(f"{code}\n")
            if code not in (75, 137):
                break
        if code == 0:
            succeeded.add(task["number"])
    (folder / "end").write_text("ended")


if __name__ == "__main__":
    run_tasks(Path(sys.argv[1]))
