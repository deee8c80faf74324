"""Reading and watching the status of attempts.

The events of tasks are files, which are cheap to read; SLURM is asked seldom, because many users
share its controller.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress

from dvc_bridge.engines.slurm.attempt import Attempt
from dvc_bridge.engines.slurm.commands import cancel_jobs, release_jobs
from dvc_bridge.engines.slurm.job_explanations import (
    HELD_BY_USER,
    LAUNCH_FAILED,
    WAITING,
    meaning_of,
)
from dvc_bridge.engines.slurm.queue import QueuedJob, accounted_jobs, queued_jobs
from dvc_bridge.engines.slurm.status import attempt_status
from dvc_bridge.engines.status_file import load_status, write_status
from dvc_bridge.errors import BridgeError, StorageError
from dvc_bridge.pipeline.run_status import Phase, RunStatus

# The pause between two calls of squeue, at first and after a while.
ASK_S, ASK_SELDOM_S = 2.0, 15.0
# The longest pause between two readings of the events; in a run's first seconds it is shorter.
POLL_S = 0.25
_FIRST_POLL_S = 0.05
# How long a controller may be down while a run is watched.
PATIENCE_S = 600.0
# In the place of a number of restarts.
_FORGOTTEN_START = -1


def read_status(attempts: Sequence[Attempt]) -> list[RunStatus]:
    """Return the status of each attempt, with one call of squeue for all that go on."""
    stored = [load_status(attempt.folder) for attempt in attempts]
    going_on = [a for a, status in zip(attempts, stored, strict=True) if status is None]
    runs = {attempt.run for attempt in going_on}
    queued = queued_jobs(runs.pop() if len(runs) == 1 else "") if going_on else []
    return [
        status or _status(attempt, [*_forgotten(attempt, queued), *queued])
        for attempt, status in zip(attempts, stored, strict=True)
    ]


def runs_elsewhere(names: Collection[str], run: str = "") -> list[RunStatus]:
    """Return the runs, or the one run, whose attempts have no folder here but jobs in the queue.

    Parameters
    ----------
    names
        The attempts with a folder.
    """
    phases: dict[tuple[str, str], Phase] = {}
    for job in queued_jobs(run):
        meaning = meaning_of(job.state, job.reason)
        if job.attempt not in names and meaning and not meaning.phase.is_end:
            key = job.run, job.attempt
            is_running = Phase.RUNNING in (meaning.phase, phases.get(key))
            phases[key] = Phase.RUNNING if is_running else Phase.PENDING
    return [
        RunStatus(name, phase, "another clone submitted it") for (name, _), phase in phases.items()
    ]


def watch_attempt(attempt: Attempt) -> Iterator[RunStatus]:
    """Yield the status of an attempt now and after each change, until it has ended."""
    previous: RunStatus | None = None
    queued: list[QueuedJob] = []
    free: set[tuple[str, int]] = set()
    began = answered = time.monotonic()
    ask_at = began
    while True:
        now = time.monotonic()
        if is_asked := now >= ask_at:
            try:
                queued, answered = queued_jobs(attempt.run), now
                queued = [*_forgotten(attempt, queued), *queued]
                _release_again(attempt, queued, free)
            except StorageError:
                if now - answered > PATIENCE_S:
                    raise
            ask_at = now + pause_s(now - began)
        status = _status(attempt, queued)
        # What is blocked is reported again, so that the caller can give up after a while.
        if status != previous or (is_asked and any(task.is_blocked for task in status.tasks)):
            yield status
            previous = status
        if status.ended:
            _cancel_rest(attempt, queued)
            return
        time.sleep(min(POLL_S, max(_FIRST_POLL_S, (now - began) / 20)))


def pause_s(elapsed_s: float) -> float:
    """Return the seconds until squeue is asked again, after a run was watched for a while."""
    return min(ASK_SELDOM_S, ASK_S + elapsed_s / 20)


def _cancel_rest(attempt: Attempt, queued: Sequence[QueuedJob]) -> None:
    """Cancel the jobs of an attempt that wait although its tasks have ended.

    SLURM requeues a job whose node fails, although the processes of the job may go on and end well.
    """
    if any(_waits(attempt, job) for job in queued):
        with suppress(BridgeError):
            waiting = {j.slurm_id for j in queued_jobs(attempt.run) if _waits(attempt, j)}
            cancel_jobs(sorted(waiting))


def _waits(attempt: Attempt, job: QueuedJob) -> bool:
    return job.attempt == attempt.name and job.state in WAITING


def _release_again(
    attempt: Attempt, queued: Sequence[QueuedJob], free: set[tuple[str, int]]
) -> None:
    """Release jobs that SLURM holds although no user does.

    A controller that crashes forgets the releases of its last seconds. A job that could not be
    started on a node that came back is requeued and held.

    Parameters
    ----------
    free
        The jobs, with the number of their restarts, that are left alone: they were seen waiting
        without a hold, so that a user may hold them now, or were released here. This function
        updates it.
    """
    by_id = dict(zip(attempt.ids(), attempt.jobs, strict=False))
    events = attempt.events()
    held: list[str] = []
    for job in queued:
        is_ours = job.attempt == attempt.name and job.slurm_id in by_id
        if not is_ours or job.state != "PENDING":
            continue
        ours = by_id[job.slurm_id]
        place = f"{job.slurm_id}_{job.index}" if ours.is_array else job.slurm_id
        is_forgotten = job.reason == HELD_BY_USER and not job.restarts
        # What has started and was not restarted waits only if the controller forgot the start.
        has_started = is_forgotten and (ours.number, job.index) in events
        key = place, _FORGOTTEN_START if has_started else job.restarts
        if (is_forgotten or job.reason == LAUNCH_FAILED) and key not in free:
            held.append(place)
        free.add(key)
    if held and attempt.is_released and not attempt.is_stopped:
        release_jobs(held)


def _forgotten(attempt: Attempt, queued: Sequence[QueuedJob]) -> list[QueuedJob]:
    """Return the jobs of an attempt that only the site's accounting still knows."""
    known = {(job.slurm_id, job.index) for job in queued}
    events = attempt.events()
    unknown = [
        slurm_id
        for job, slurm_id in zip(attempt.jobs, attempt.ids(), strict=False)
        if any(
            (slurm_id, index) not in known and (job.number, index) not in events
            for index in job.tasks
        )
    ]
    return accounted_jobs(unknown)


def _status(attempt: Attempt, queued: Sequence[QueuedJob]) -> RunStatus:
    status = attempt_status(attempt, attempt.events(), queued)
    if status.ended and attempt.is_submitted:
        write_status(attempt.folder, status)
    return status
