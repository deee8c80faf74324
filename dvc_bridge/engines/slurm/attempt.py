"""The folder of an attempt of a run: its record, its jobs, their events and their logs.

record.json     what `SlurmEngine.record` returned
job.sh          the script of the jobs
jobs.jsonl      SLURM's number of each job, one line per call of sbatch
released        exists as soon as the jobs may start: the attempt is submitted
stopped         exists if `dvc-bridge stop` was used
events/J-I      what the script of job J noted about its task with index I
logs/J-I.log    what that task printed
status.json     the last status of the attempt, written when it has ended
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.engines.slurm.jobs import Job, JobTask, group_jobs
from dvc_bridge.engines.status_file import load_record
from dvc_bridge.pipeline.numbering import TaskNumber


@dataclass(frozen=True, slots=True)
class Events:
    """What the script of a task noted.

    Parameters
    ----------
    starts
        How many workers it started.
    started, ended
        In seconds since 1970; None: not yet.
    node
        The node of the last worker.
    code
        The exit code of the task; None: it has none yet.
    is_lost
        Whether SLURM restarted the job more often than `retries` allows.
    lacks
        `memory` or `time` if the last worker needed more than it had.
    earlier_lacks
        The same of each worker before it; empty: it ended for another reason.
    """

    starts: int = 0
    started: int | None = None
    ended: int | None = None
    node: str = ""
    code: int | None = None
    is_lost: bool = False
    lacks: str = ""
    earlier_lacks: tuple[str, ...] = ()


class Attempt:
    """An attempt of a run.

    Parameters
    ----------
    folder
        Its folder; it has a record.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self._events: dict[str, tuple[int, Events]] = {}

    @classmethod
    def create(cls, folder: Path, record: Mapping[str, Any], script: str) -> Attempt:
        """Create the folder of a new attempt."""
        for name in ("events", "logs"):
            (folder / name).mkdir(parents=True)
        write_whole(folder / "job.sh", script, folder)
        write_whole(folder / "record.json", json.dumps(record), folder)
        return cls(folder)

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record of the attempt."""
        return load_record(self.folder)

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs of the attempt."""
        return jobs_of(self.record)

    @property
    def run(self) -> str:
        """The name of the run."""
        return str(self.record["run"])

    def note_job(self, job: Job, slurm_id: str) -> None:
        """Note SLURM's number of a submitted job."""
        with (self.folder / "jobs.jsonl").open("a") as file:
            file.write(json.dumps({"job": job.number, "id": slurm_id}) + "\n")

    def ids(self) -> list[str]:
        """Return SLURM's numbers of the jobs that were submitted, by the number of the job."""
        try:
            lines = (self.folder / "jobs.jsonl").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        # The last line is incomplete if the client was killed while it wrote the line.
        return [json.loads(line)["id"] for line in lines if line.endswith("}")]

    @property
    def is_released(self) -> bool:
        """Whether the jobs may start."""
        return (self.folder / "released").exists()

    @property
    def is_submitted(self) -> bool:
        """Whether all jobs were submitted."""
        return self.is_released or len(self.ids()) == len(self.jobs)

    def mark(self, name: str) -> None:
        """Create one of the files that mark a state of the attempt."""
        (self.folder / name).touch()

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped by `dvc-bridge stop`."""
        return (self.folder / "stopped").exists()

    @contextmanager
    def submitting(self) -> Iterator[None]:
        """Lock the attempt while its jobs are submitted; the lock ends with the process."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def is_being_submitted(self) -> bool:
        """Whether a client submits its jobs at the moment."""
        try:
            with (self.folder / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def events(self) -> dict[tuple[int, int], Events]:
        """Return what the scripts noted, by job and index."""
        found: dict[tuple[int, int], Events] = {}
        for entry in os.scandir(self.folder / "events"):
            size = entry.stat().st_size  # scripts only append to these files
            known_size, events = self._events.get(entry.name, (-1, Events()))
            if size != known_size:
                events = parse_events(Path(entry.path).read_text("utf-8", "replace"))
                self._events[entry.name] = size, events
            job, _, index = entry.name.partition("-")
            found[int(job), int(index)] = events
        return found

    def log(self, job: int, index: int) -> Path:
        """Return the file with the output of a task."""
        return self.folder / "logs" / f"{job}-{index}.log"


def jobs_of(record: Mapping[str, Any]) -> list[Job]:
    """Return the jobs of a record."""
    tasks = [
        JobTask(
            TaskNumber(task["number"]),
            task["reference"],
            tuple(map(TaskNumber, task["upstream"])),
            tuple(map(TaskNumber, task["after"])),
            tuple(task["options"]),
            task["retries"],
            tuple(task.get("memories", ())),
            tuple(task.get("timeouts", ())),
        )
        for task in record["tasks"]
    ]
    return group_jobs(tasks, record["array_size"])


def parse_events(text: str) -> Events:
    """Read the lines `KIND SECONDS VALUE` of a task."""
    starts, started, node = 0, None, ""
    ended: int | None = None
    code: int | None = None
    is_lost = False
    lacks = ""
    earlier_lacks: list[str] = []
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        seconds, _, value = rest.partition(" ")
        if not seconds.isdecimal():
            continue
        if kind == "start":
            if starts:
                earlier_lacks.append(lacks)
            starts, node = starts + 1, value
            started = started or int(seconds)
            ended = code = None
            lacks = ""
        elif kind == "lacks":
            lacks = value
        elif kind in ("end", "lost") and value.isdecimal():
            ended, code, is_lost = int(seconds), int(value), kind == "lost"
    return Events(starts, started, ended, node, code, is_lost, lacks, tuple(earlier_lacks))
