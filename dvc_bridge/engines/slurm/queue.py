"""What SLURM knows about the jobs of a run: squeue, and sacct for jobs that it has forgotten."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dvc_bridge.engines.slurm.commands import controller_settings, run_command
from dvc_bridge.errors import BridgeError

# Columns of squeue and their widths. A reason may contain blanks, so it is the last one.
_COLUMNS = (
    *(("ArrayJobID", 16), ("ArrayTaskID", 16), ("State", 20), ("exit_code", 12)),
    *(("RestartCnt", 12), ("StartTime", 24), ("EndTime", 24), ("BatchHost", 80)),
    *(("Name", 80), ("Comment", 120), ("Reason", 256)),
)
# The comment of a job: this word, its attempt and its number in the attempt.
COMMENT = "dvc-bridge"


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """What SLURM says about a job or about one index of an array.

    Parameters
    ----------
    slurm_id
        The number of the job or array.
    index
        The index in the array; 0 for a job without one.
    state
        As squeue prints it, such as PENDING.
    exit_code
        The exit code of the script, 128 + n after signal n; None: it has not ended.
    run, attempt
        The names that dvc-bridge gave; the attempt is empty if it is not known.
    """

    slurm_id: str
    index: int
    state: str
    reason: str = ""
    exit_code: int | None = None
    restarts: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    node: str = ""
    run: str = ""
    attempt: str = ""


def queued_jobs(run: str = "") -> list[QueuedJob]:
    """Return the jobs of this user, of one run or of all, that SLURM still knows."""
    columns = ",".join(f"{name}:{width}" for name, width in _COLUMNS)
    names = [f"--name={run}"] if run else []
    owner = f"--user={os.getuid()}"
    argv = ["squeue", "--noheader", "--array", "--states=all", owner, *names, f"--Format={columns}"]
    return parse_squeue(run_command(argv))


def parse_squeue(text: str) -> list[QueuedJob]:
    """Read what squeue printed, and leave out jobs of others."""
    return [
        job for line in text.splitlines() for job in _parse_line(line) if job.attempt and job.run
    ]


def _parse_line(line: str) -> Iterator[QueuedJob]:
    values: dict[str, str] = {}
    start = 0
    for name, width in _COLUMNS:
        values[name] = line[start : start + width].strip()
        start += width
    if not values["ArrayJobID"].isdecimal():
        return
    word, _, rest = values["Comment"].partition(" ")
    state = values["State"]
    yield QueuedJob(
        values["ArrayJobID"],
        int(values["ArrayTaskID"]) if values["ArrayTaskID"].isdecimal() else 0,
        state,
        values["Reason"],
        _exit_code(values["exit_code"]),
        int(values["RestartCnt"]) if values["RestartCnt"].isdecimal() else 0,
        _time(values["StartTime"]),
        _time(values["EndTime"]),
        "" if values["BatchHost"] == "n/a" else values["BatchHost"],
        values["Name"],
        rest.partition(" ")[0] if word == COMMENT else "",
    )


def _exit_code(status: str) -> int | None:
    """Return an exit code from the status of a process as `wait` reports it."""
    if not status.isdecimal():
        return None
    number = int(status)
    return 128 + number % 128 if number % 128 else number >> 8


def _time(seconds: str) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdecimal() else None


def has_accounting() -> bool:
    """Return whether the site keeps records of jobs that have ended."""
    return not controller_settings().get("AccountingStorageType", "none").endswith("none")


def accounted_jobs(slurm_ids: list[str]) -> list[QueuedJob]:
    """Return the jobs with these numbers from the site's accounting; none if there is none."""
    try:
        if not slurm_ids or not has_accounting():
            return []
        columns = "JobID,State,ExitCode,Restarts,Start,End,NodeList"
        argv = ["sacct", "--noheader", "--parsable2", "--allocations", "--array"]
        return parse_sacct(
            run_command([*argv, f"--jobs={','.join(slurm_ids)}", f"--format={columns}"])
        )
    except BridgeError:
        return []  # the accounting is down; what squeue says has to do


def parse_sacct(text: str) -> list[QueuedJob]:
    """Read what sacct printed."""
    jobs = []
    for line in text.splitlines():
        name, state, code, restarts, start, end, nodes = [*line.split("|"), *[""] * 7][:7]
        match = re.fullmatch(r"(\d+)(?:_(\d+))?", name)
        if not match:
            continue
        status, _, signal = code.partition(":")
        exit_code = 128 + int(signal) if signal not in ("", "0") else int(status or 0)
        jobs.append(
            QueuedJob(
                match[1],
                int(match[2] or 0),
                state.partition(" ")[0],  # CANCELLED by 1000
                "",
                exit_code,
                int(restarts) if restarts.isdecimal() else 0,
                _time(start),
                _time(end),
                nodes,
            )
        )
    return jobs
