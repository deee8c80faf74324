"""Reading and watching the status of attempts.

The events of tasks are files, which are cheap to read; SLURM is asked seldom, because many users
share its controller.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from dvc_bridge.engines.slurm.attempt import Attempt
from dvc_bridge.engines.slurm.queue import QueuedJob, accounted_jobs, queued_jobs
from dvc_bridge.engines.slurm.status import attempt_status
from dvc_bridge.engines.status_file import load_status, write_status
from dvc_bridge.errors import StorageError
from dvc_bridge.pipeline.run_status import RunStatus

POLL_S = 0.25
# The pause between two calls of squeue, at first and after a while.
ASK_S, ASK_SELDOM_S = 2.0, 15.0
# How long a controller may be down while a run is watched.
PATIENCE_S = 600.0


def read_status(attempts: Sequence[Attempt]) -> list[RunStatus]:
    """Return the status of each attempt, with one call of squeue for all that go on."""
    stored = [load_status(attempt.folder) for attempt in attempts]
    going_on = [a for a, status in zip(attempts, stored, strict=True) if status is None]
    runs = {attempt.run for attempt in going_on}
    queued = queued_jobs(runs.pop() if len(runs) == 1 else "") if going_on else []
    return [
        status or _status(attempt, queued) for attempt, status in zip(attempts, stored, strict=True)
    ]


def watch_attempt(attempt: Attempt) -> Iterator[RunStatus]:
    """Yield the status of an attempt now and after each change, until it has ended."""
    previous: RunStatus | None = None
    queued: list[QueuedJob] = []
    began = answered = time.monotonic()
    ask_at = began
    while True:
        now = time.monotonic()
        if now >= ask_at:
            try:
                queued, answered = queued_jobs(attempt.run), now
            except StorageError:
                if now - answered > PATIENCE_S:
                    raise
            ask_at = now + min(ASK_SELDOM_S, ASK_S + (now - began) / 20)
        status = _status(attempt, queued)
        if status != previous:
            yield status
            previous = status
        if status.ended:
            return
        time.sleep(POLL_S)


def _status(attempt: Attempt, queued: Sequence[QueuedJob]) -> RunStatus:
    mine = [job for job in queued if job.attempt == attempt.name]
    events = attempt.events()
    known = {(job.slurm_id, job.index) for job in mine}
    ids = attempt.ids()
    unknown = [
        slurm_id
        for job, slurm_id in zip(attempt.jobs, ids, strict=False)
        if any(
            (slurm_id, index) not in known and (job.number, index) not in events
            for index in job.tasks
        )
    ]
    status = attempt_status(attempt, events, [*accounted_jobs(unknown), *mine])
    if status.ended and attempt.is_submitted:
        write_status(attempt.folder, status)
    return status
