"""Submitting the jobs of an attempt, all or none.

Jobs that wait for nothing are held until all jobs are submitted, so that a submission that is
interrupted runs nothing. From the moment at which all jobs are noted, any later command completes
the submission; before that moment, it is given up and its jobs are cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from dvc_bridge.engines.slurm.attempt import Attempt
from dvc_bridge.engines.slurm.commands import cancel_jobs, release_jobs, submit_job
from dvc_bridge.engines.slurm.jobs import Job
from dvc_bridge.engines.slurm.queue import COMMENT, queued_jobs
from dvc_bridge.errors import BridgeError


def submit_attempt(attempt: Attempt, variables: Mapping[str, str]) -> None:
    """Submit the jobs of an attempt and let them start.

    Parameters
    ----------
    variables
        The environment of the workers, with secrets.
    """
    with attempt.submitting():
        try:
            _submit_jobs(attempt, variables)
        except BaseException:
            give_up(attempt)
            raise
        _release(attempt)


def is_interrupted(attempt: Attempt) -> bool:
    """Whether a client ended before it let the jobs of the attempt start."""
    return not attempt.is_released and not attempt.is_stopped and not attempt.is_being_submitted


def complete_submission(attempt: Attempt) -> None:
    """Let the jobs of an attempt start if all were submitted before its client ended."""
    if is_interrupted(attempt) and attempt.is_submitted:
        _release(attempt)


def give_up(attempt: Attempt) -> None:
    """Cancel the jobs of an attempt that was not submitted completely."""
    attempt.mark("stopped")
    # sbatch may have submitted a job whose number was not noted any more.
    with suppress(BridgeError):
        noted = [job.slurm_id for job in queued_jobs(attempt.run) if job.attempt == attempt.name]
        cancel_jobs(list(dict.fromkeys([*attempt.ids(), *noted])))


def _submit_jobs(attempt: Attempt, variables: Mapping[str, str]) -> None:
    ids: list[str] = []
    for job in attempt.jobs:
        held = not job.waits and len(attempt.jobs) > 1
        ids.append(submit_job(list(_options(attempt, job, ids, held=held)), variables))
        attempt.note_job(job, ids[-1])


def _options(attempt: Attempt, job: Job, ids: list[str], *, held: bool) -> Iterable[str]:
    """Yield the arguments of sbatch for a job."""
    yield f"--job-name={attempt.run}"
    yield f"--comment={COMMENT} {attempt.name} {job.number}"
    yield f"--chdir={attempt.folder}"
    # SLURM replaces words such as %j in the whole path, even if only its end is given.
    folder = str(attempt.folder).replace("%", "%%")
    yield f"--output={folder}/logs/{job.number}-{'%a' if job.is_array else 0}.log"
    yield from ("--open-mode=append", "--export=ALL", "--nodes=1", "--ntasks=1")
    if job.is_array:
        yield f"--array={job.array()}"
    if dependency := job.dependency(ids):
        yield from (f"--dependency={dependency}", "--kill-on-invalid-dep=yes")
    if held:
        yield "--hold"
    yield from job.options
    yield str(attempt.folder / "job.sh")
    yield from job.arguments()


def _release(attempt: Attempt) -> None:
    ids = attempt.ids()
    held = [ids[job.number] for job in attempt.jobs if not job.waits]
    if len(attempt.jobs) > 1:
        release_jobs(held)
    attempt.mark("released")
