"""What became of tasks, from the events of their scripts and from what squeue printed.

data/squeue.txt is the output of SLURM 22.05 for the jobs in `KINDS`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.engines.slurm.attempt import Attempt
from dvc_bridge.engines.slurm.job_explanations import meaning_of
from dvc_bridge.engines.slurm.queue import QueuedJob, parse_sacct, parse_squeue
from dvc_bridge.engines.slurm.status import attempt_status
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus

RECORDED = parse_squeue((Path(__file__).parent / "data" / "squeue.txt").read_text())
RUN = "demo-1129-101500-8b4d"
# SLURM's number of a job -> what became of it: the phase, and a part of message and fix.
KINDS = {
    "1": (Phase.SUCCEEDED, "", ""),
    "5": (Phase.OMITTED, "", ""),
    "6": (Phase.FAILED, "it reached its time limit", "raise timeout"),
    "7": (Phase.PENDING, "SLURM does not start it: JobHeldUser", "scontrol release 7"),
    "8": (Phase.ERROR, "it was cancelled", f"dvc-bridge retry {RUN}"),
    "16": (Phase.ERROR, "its node failed", f"dvc-bridge retry {RUN}"),
    "17": (Phase.PENDING, "waits: BeginTime", ""),
    "18": (Phase.RUNNING, "", ""),
    "19": (Phase.PENDING, "waits: Resources", ""),
}


def described(number: int, upstream: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the record of a task; every task has a job of its own."""
    waits = {"upstream": list(upstream), "after": []}
    own = {"options": [f"--mem={number + 1}M"], "retries": 2, "stages": [f"s{number}"]}
    return {"number": number, "reference": f"{number}:0:1", **waits, **own}


class Made:
    """An attempt whose task n has the job with SLURM's number n + 1."""

    def __init__(self, folder: Path, *tasks: dict[str, Any]) -> None:
        record = {"run": RUN, "attempt": RUN, "tasks": list(tasks), "array_size": 1000}
        json.dumps(record)
        self.attempt = Attempt.create(folder / RUN, record, "")
        for job in self.attempt.jobs:
            (task,) = job.tasks.values()
            self.attempt.note_job(job, str(task.number + 1))
        self.attempt.mark("released")

    def note(self, number: int, text: str) -> None:
        (job,) = (j for j in self.attempt.jobs if j.tasks[0].number == number)
        (self.attempt.folder / "events" / f"{job.number}-0").write_text(text)

    def log(self, number: int, text: str) -> None:
        (job,) = (j for j in self.attempt.jobs if j.tasks[0].number == number)
        self.attempt.log(job.number, 0).write_text(text)

    def status(self, *queued: QueuedJob) -> RunStatus:
        return attempt_status(self.attempt, self.attempt.events(), queued)

    def task(self, number: int, *queued: QueuedJob) -> TaskStatus:
        (found,) = (task for task in self.status(*queued).tasks if task.task == number)
        return found


@pytest.mark.parametrize("slurm_id", KINDS)
def test_each_state_is_named_with_its_fix(tmp_path: Path, slurm_id: str) -> None:
    phase, message, fix = KINDS[slurm_id]
    number = int(slurm_id) - 1
    made = Made(tmp_path, described(number))
    (job,) = (job for job in RECORDED if job.slurm_id == slurm_id)
    if phase is Phase.PENDING and not message:
        assert made.status(job).tasks == ()
        return
    task = made.task(number, job)
    assert task.phase is phase
    assert message in task.message
    assert fix in task.fix
    assert task.is_blocked is (slurm_id == "7")


def test_states_that_the_recording_does_not_have_are_told_apart() -> None:
    for state, phase in (
        ("OUT_OF_MEMORY", Phase.FAILED),
        ("PREEMPTED", Phase.ERROR),
        ("BOOT_FAIL", Phase.ERROR),
        ("DEADLINE", Phase.FAILED),
        ("REVOKED", Phase.ERROR),
        ("COMPLETING", Phase.RUNNING),
    ):
        meaning = meaning_of(state, "None")
        assert meaning is not None
        assert meaning.phase is phase
    blocked = meaning_of("PENDING", "QOSMaxCpuPerJobLimit")
    assert blocked is not None
    assert blocked.is_blocked
    assert "lower cpu" in blocked.fix


def test_a_task_without_enough_memory_says_so_after_slurm_has_forgotten_it(tmp_path: Path) -> None:
    made = Made(tmp_path, described(0))
    made.note(0, "start 1 n\nlacks 2 memory\nstart 3 n\nlacks 4 time\nend 4 124\n")
    task = made.task(0)
    assert (task.phase, task.message) == (Phase.FAILED, "it reached its time limit")
    assert "raise timeout" in task.fix
    assert task.retry_reasons == ("it needed more memory than its job has",)
    assert task.out_of_memory == 1
    made.note(0, "start 1 n\nstart 2 n\nlacks 3 memory\nstart 4 n\nlacks 5 time\nend 5 124\n")
    task = made.task(0)
    assert task.retry_reasons == ("", "it needed more memory than its job has")
    assert task.out_of_memory == 2


def test_a_recorded_array_has_the_exit_code_of_each_index() -> None:
    codes = {job.index: job.exit_code for job in RECORDED if job.slurm_id == "4"}
    assert codes == {0: 0, 1: 1, 2: 2}


def test_a_script_that_a_signal_ended_has_the_exit_code_of_a_shell() -> None:
    (job,) = (job for job in RECORDED if job.slurm_id == "3")
    assert job.exit_code == 137


def test_jobs_that_dvc_bridge_did_not_submit_are_left_out() -> None:
    assert {job.run for job in RECORDED} == {RUN}
    assert "12" not in {job.slurm_id for job in RECORDED}


def test_the_exit_code_of_the_worker_is_that_of_the_task(tmp_path: Path) -> None:
    made = Made(tmp_path, described(0), described(1, (0,)))
    made.note(0, "start 1000 n1\nend 1010 3\n")
    status = made.status()
    assert [(task.phase, task.exit_code) for task in status.tasks] == [
        (Phase.FAILED, 3),
        (Phase.OMITTED, None),
    ]
    assert status.phase is Phase.FAILED


def test_a_worker_that_was_started_again_runs(tmp_path: Path) -> None:
    made = Made(tmp_path, described(17))
    (job,) = (job for job in RECORDED if job.slurm_id == "18")
    made.note(17, "start 1000 n1\nstopped 1005 143\nstart 1010 n2\n")
    task = made.task(17, job)
    assert (task.phase, task.attempts) == (Phase.RUNNING, 2)


def test_events_are_enough_when_slurm_has_forgotten_a_job(tmp_path: Path) -> None:
    made = Made(tmp_path, described(0))
    made.note(0, "start 1000 n1\nend 1010 0\n")
    assert made.status().phase is Phase.SUCCEEDED


def test_a_job_that_nothing_is_known_about_is_lost(tmp_path: Path) -> None:
    made = Made(tmp_path, described(0))
    made.note(0, "start 1000 n1\n")
    task = made.task(0)
    assert task.phase is Phase.ERROR
    assert "no longer knows" in task.message


@pytest.mark.parametrize(
    ("code", "log", "message", "fix"),
    [
        (1, "/usr/bin/python3: No module named dvc_bridge", "has no dvc-bridge", "slurm.python"),
        (127, "setsid: failed to execute /x: No such file", "cannot start", "slurm.container"),
        (75, "", "did not respond", "dvc-bridge doctor"),
        (1, "train | no luck", "exit code 1", ""),
    ],
)
def test_the_reason_of_an_exit_code_is_named(
    tmp_path: Path, code: int, log: str, message: str, fix: str
) -> None:
    made = Made(tmp_path, described(0))
    made.note(0, f"start 1000 n1\nend 1001 {code}\n")
    made.log(0, f"{log}\n")
    task = made.task(0)
    assert task.phase is Phase.FAILED
    assert message in task.message
    assert fix in task.fix


def test_a_job_that_ends_before_its_worker_starts_is_no_failure_of_the_stage(
    tmp_path: Path,
) -> None:
    made = Made(tmp_path, described(1))
    (job,) = (job for job in RECORDED if job.slurm_id == "2")
    task = made.task(1, job)
    assert task.phase is Phase.ERROR
    assert "before its worker started" in task.message


def test_a_task_that_is_done_but_whose_job_is_held_is_blocked(tmp_path: Path) -> None:
    made = Made(tmp_path, described(6), described(1, (6,)))
    made.note(6, "start 1000 n1\nend 1001 0\n")
    (job,) = (job for job in RECORDED if job.slurm_id == "7")
    assert made.task(6, job).is_blocked


def test_a_stopped_run_has_failed(tmp_path: Path) -> None:
    made = Made(tmp_path, described(7), described(4))
    made.note(7, "start 1000 n1\nstopped 1001 143\n")
    made.attempt.mark("stopped")
    queued = [job for job in RECORDED if job.slurm_id in ("8", "5")]
    status = made.status(*queued)
    assert (status.phase, status.message) == (Phase.FAILED, "stopped")


def test_a_submission_that_was_interrupted_is_an_error(tmp_path: Path) -> None:
    made = Made(tmp_path, described(0), described(1))
    (made.attempt.folder / "released").unlink()
    lines = (made.attempt.folder / "jobs.jsonl").read_text().splitlines()
    (made.attempt.folder / "jobs.jsonl").write_text(lines[0] + "\n" + lines[1][:5])
    status = made.status()
    assert status.phase is Phase.ERROR
    assert "interrupted" in status.message


def test_what_sacct_prints_is_read() -> None:
    text = "12_3|COMPLETED|0:0|0|1000|1010|n1\n12_[4-9]|PENDING|0:0|0|Unknown|Unknown|None\n"
    text += "13|CANCELLED by 1000|0:15|1|1000|1010|n1\n"
    one, other = parse_sacct(text)
    assert (one.slurm_id, one.index, one.state, one.exit_code) == ("12", 3, "COMPLETED", 0)
    assert (other.state, other.exit_code, other.restarts) == ("CANCELLED", 143, 1)
    assert TaskNumber(one.index) == 3
