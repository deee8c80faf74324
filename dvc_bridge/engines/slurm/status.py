"""The status of an attempt, from the events of its tasks and from what SLURM says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from dvc_bridge.engines.slurm.attempt import Attempt, Events
from dvc_bridge.engines.slurm.job_explanations import OUT_OF_MEMORY, Meaning, meaning_of
from dvc_bridge.engines.slurm.jobs import JobTask
from dvc_bridge.engines.slurm.queue import QueuedJob
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.remote_run.worker_contract import TRY_AGAIN

# Exit codes of a shell that cannot start a program.
_NOT_STARTED = (126, 127)
_FORGOTTEN = Meaning(
    Phase.ERROR,
    "SLURM no longer knows its job, which ended without an exit code",
    "dvc-bridge retry {run} runs it again",
)
_LOST = Meaning(
    Phase.ERROR,
    "its node failed or its job was preempted more often than retries allows",
    "dvc-bridge retry {run} runs it again",
)
# What a worker lacked -> its meaning, as of a job that SLURM itself ends for it.
_MEMORY = "memory"
_LACKS = {_MEMORY: meaning_of(OUT_OF_MEMORY, ""), "time": meaning_of("TIMEOUT", "")}
_NO_MODULE = "No module named dvc_bridge"


def attempt_status(
    attempt: Attempt,
    events: Mapping[tuple[int, int], Events],
    queued: Iterable[QueuedJob],
) -> RunStatus:
    """Return the status of an attempt.

    Parameters
    ----------
    queued
        What SLURM knows about its jobs.
    """
    ids = attempt.ids()
    by_place = {(job.slurm_id, job.index): job for job in queued}
    tasks: dict[TaskNumber, TaskStatus] = {}
    for job in attempt.jobs:
        for index, task in job.tasks.items():
            slurm_id = ids[job.number] if job.number < len(ids) else ""
            known = by_place.get((slurm_id, index))
            noted = events.get((job.number, index), Events())
            place = f"{slurm_id}_{index}" if job.is_array else slurm_id
            meaning = _meaning(attempt, task, noted, known, tasks, slurm_id)
            if meaning.phase.is_bad and (cause := _cause(attempt, job.number, index, noted.code)):
                meaning = cause
            tasks[task.number] = _task_status(
                attempt.run, task.number, place, noted, known, meaning
            )
    return _run_status(attempt, [tasks[number] for number in sorted(tasks)])


def _meaning(
    attempt: Attempt,
    task: JobTask,
    noted: Events,
    known: QueuedJob | None,
    others: Mapping[TaskNumber, TaskStatus],
    slurm_id: str,
) -> Meaning:
    """Return what became of a task; `others` has those that it waits for."""
    of_slurm = meaning_of(known.state, known.reason) if known else None
    code = noted.code if noted.code is not None else known.exit_code if known else None
    if of_slurm is not None and of_slurm.is_blocked:
        found = of_slurm  # even if the task is done: the tasks that wait for its job do not start
    elif noted.code == 0:
        found = Meaning(Phase.SUCCEEDED)
    elif attempt.is_stopped and (of_slurm is None or of_slurm.phase.is_bad):
        found = Meaning(Phase.FAILED if noted.starts else Phase.OMITTED, "stopped")
    elif of_slurm is not None and (noted.code is None or of_slurm.phase.is_bad):
        found = of_slurm
    elif noted.is_lost:
        found = _LOST
    elif noted.code is not None and (end := _LACKS.get(noted.lacks)):
        found = end
    elif code is not None:
        found = _exit_meaning(code, has_started=bool(noted.starts))
    elif any(number in others and _is_cut_off(others[number]) for number in task.upstream):
        found = Meaning(Phase.OMITTED)
    else:
        # Its job is unknown before it is submitted, and after SLURM has forgotten it.
        found = _FORGOTTEN if slurm_id else Meaning(Phase.PENDING)
    return found


def _is_cut_off(task: TaskStatus) -> bool:
    return task.phase.is_end and task.phase is not Phase.SUCCEEDED


def _exit_meaning(code: int, *, has_started: bool) -> Meaning:
    if not has_started:
        return Meaning(
            Phase.ERROR,
            f"its job ended with {code} before its worker started",
            "check that nodes can write the project's folder (`dvc-bridge doctor`), and"
            f" slurm.setup in {FILE}",
        )
    if code in _NOT_STARTED:
        return Meaning(
            Phase.FAILED,
            f"exit code {code}: a node cannot start the Python interpreter or the container",
            f"set slurm.python, slurm.setup or slurm.container in {FILE}; dvc-bridge doctor"
            " tries them on a node",
        )
    if code == TRY_AGAIN:
        return Meaning(
            Phase.FAILED,
            f"exit code {code}: the remote or the node's disk did not respond",
            "dvc-bridge doctor reaches the remote from a node; dvc-bridge retry {run}",
        )
    return Meaning(Phase.FAILED, f"exit code {code}")


def _cause(attempt: Attempt, job: int, index: int, code: int | None) -> Meaning | None:
    """Return what the log of a failed task says about the node's Python; None: nothing."""
    if code != 1:
        return None
    try:
        with attempt.log(job, index).open("rb") as file:
            head = file.read(4096).decode(errors="replace")
    except OSError:
        return None
    if _NO_MODULE not in head:
        return None
    return Meaning(
        Phase.FAILED,
        "the Python on the node has no dvc-bridge",
        f"set slurm.python in {FILE} to an interpreter that has it, or activate its environment"
        " in slurm.setup",
    )


def _task_status(
    run: str,
    number: TaskNumber,
    place: str,
    noted: Events,
    known: QueuedJob | None,
    meaning: Meaning,
) -> TaskStatus:
    started, ended = _time(noted.started), _time(noted.ended)
    if known:
        started = started or (known.started if meaning.phase is not Phase.PENDING else None)
        ended = ended or known.ended
    code = noted.code
    if code is None and known and meaning.phase.is_end:
        code = known.exit_code
    job = place or "JOB"
    return TaskStatus(
        number,
        meaning.phase,
        meaning.message,
        place if noted.starts or meaning.phase is Phase.RUNNING else "",
        started,
        ended if meaning.phase.is_end else None,
        code if meaning.phase.is_end else None,
        max(1, noted.starts),
        meaning.fix.format(run=run, job=job),
        meaning.is_blocked,
        tuple(map(_reason, noted.earlier_lacks)),
        out_of_memory=_out_of_memory(noted, known),
    )


def _reason(lacks: str) -> str:
    meaning = _LACKS.get(lacks)
    return meaning.message if meaning else ""


def _out_of_memory(noted: Events, known: QueuedJob | None) -> int:
    if known and known.state == OUT_OF_MEMORY:
        return max(1, noted.starts)
    attempts = enumerate((*noted.earlier_lacks, noted.lacks), 1)
    return max((number for number, lacks in attempts if lacks == _MEMORY), default=0)


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _run_status(attempt: Attempt, tasks: Sequence[TaskStatus]) -> RunStatus:
    phase, message = _run_phase(attempt, tasks)
    created = datetime.fromtimestamp((attempt.folder / "record.json").stat().st_mtime, UTC)
    starts = [task.started for task in tasks if task.started]
    ends = [task.finished for task in tasks if task.finished]
    by_number = {task["number"]: tuple(task["stages"]) for task in attempt.record["tasks"]}
    stages = tuple(by_number.get(n, ()) for n in range(max(by_number, default=-1) + 1))
    return RunStatus(
        attempt.run,
        phase,
        message,
        created,
        min(starts, default=None),
        max(ends, default=None) if phase.is_end else None,
        tuple(task for task in tasks if task.phase is not Phase.PENDING or task.message),
        stages,
    )


def _run_phase(attempt: Attempt, tasks: Sequence[TaskStatus]) -> tuple[Phase, str]:
    if not attempt.is_submitted and not attempt.is_being_submitted:
        return Phase.ERROR, "its submission was interrupted, and no task of it runs"
    if all(task.phase.is_end for task in tasks):
        is_good = all(task.phase is Phase.SUCCEEDED for task in tasks)
        message = "stopped" if attempt.is_stopped and not is_good else ""
        return (Phase.SUCCEEDED, "") if is_good else (Phase.FAILED, message)
    has_started = any(task.phase is not Phase.PENDING for task in tasks)
    return (Phase.RUNNING if has_started else Phase.PENDING), ""
