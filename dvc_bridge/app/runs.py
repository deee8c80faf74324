"""Status, logs and stop of the runs of an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.engines.base import Engine, LogLine
from dvc_bridge.engines.registry import engine_type
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.numbering import TaskNumber, numbered
from dvc_bridge.pipeline.run_status import RunStatus

# `status --json` stays small, however many tasks failed and whatever they printed.
MOST_FAILURES, MOST_LINES, MOST_LETTERS = 20, 15, 500
Stages = Sequence[Sequence[str]]


def connect_engine(project: Project, name: str | None = None) -> Engine:
    """Return a connected engine; with None, the one that dvc-bridge.yaml names."""
    settings = read_settings(project, read_pipeline(project))
    return engine_type(name or settings.engine).connect(project, settings)


def list_runs(engine: str | None = None) -> list[RunStatus]:
    """Return all runs that the engine has."""
    return connect_engine(find_project(), engine).runs()


def run_status(run: str, engine: str | None = None) -> RunStatus:
    """Return the status of a run.

    Raises
    ------
    UsageError
        The engine has no such run.
    """
    return connect_engine(find_project(), engine).status(run)


@dataclass(frozen=True)
class TaskFailure:
    """Why a task failed, from its log.

    Parameters
    ----------
    stages
        The addresses of its stages that failed; all of its stages if the log does not say.
    lines
        The last lines of the log.
    """

    stages: tuple[str, ...]
    lines: tuple[str, ...]


def task_failures(status: RunStatus, engine: str | None = None) -> dict[TaskNumber, TaskFailure]:
    """Return the failures of the first tasks of a run that failed, by task."""
    connected = connect_engine(find_project(), engine)
    failed = [task for task in status.tasks if task.phase.is_bad]
    return {
        task.task: _task_failure(connected, status, task.task) for task in failed[:MOST_FAILURES]
    }


def _task_failure(engine: Engine, status: RunStatus, task: TaskNumber) -> TaskFailure:
    stages = status.stages[task] if task < len(status.stages) else ()
    failed, last = set[str](), deque[str](maxlen=MOST_LINES)
    try:
        for line in engine.logs(status.run, {task}, follow=False):
            last.append(line.text[:MOST_LETTERS])
            # A worker prints this for each stage that fails.
            failed |= {stage for stage in stages if line.text.startswith(f"{stage}: failed")}
    except BridgeError as exc:
        last.append(f"no log: {exc.message}")
    return TaskFailure(tuple(s for s in stages if s in failed) or stages, tuple(last))


def stop_run(run: str, engine: str | None = None) -> bool:
    """Stop a run and return whether it was still running; finished results are kept."""
    return connect_engine(find_project(), engine).stop(run)


def read_logs(
    run: str, stage: str | None = None, *, follow: bool = False, engine: str | None = None
) -> Iterator[LogLine]:
    """Yield the output of the stages of a run, or of one stage.

    Parameters
    ----------
    stage
        The address of the stage; None: all stages.
    follow
        Whether to wait for further lines until the run ends.

    Raises
    ------
    UsageError
        The run does not have the stage, or the stage has not started.
    """
    connected = connect_engine(find_project(), engine)
    status = connected.status(run)
    tasks = None if stage is None else _tasks_of(stage, status)
    if not follow and not any(
        task.place and (tasks is None or task.task in tasks) for task in status.tasks
    ):
        raise _not_started_error(stage or "any stage", status)
    for line in connected.logs(run, tasks, follow=follow):
        if line.is_note or _belongs_to(line, stage, status.stages):
            yield line


def _tasks_of(stage: str, status: RunStatus) -> Collection[TaskNumber]:
    tasks = [number for number, stages in numbered(TaskNumber, status.stages) if stage in stages]
    if not tasks:
        raise UsageError(
            f"run {status.run} has no stage {stage}",
            f"`dvc-bridge status {status.run}` names those that it has; others were up to date",
        )
    return tasks


def _not_started_error(stage: str, status: RunStatus) -> UsageError:
    if status.ended:
        return UsageError(
            f"run {status.run} ended before {stage} began",
            f"`dvc-bridge status {status.run}` says why",
        )
    return UsageError(
        f"{stage} of run {status.run} has not begun yet", "add --follow to wait for it"
    )


def _belongs_to(line: LogLine, stage: str | None, stages: Stages) -> bool:
    """Return whether a line belongs to the stage or to its whole task.

    A worker prefixes lines of stages with their addresses, and lines about the task with nothing.
    """
    if stage is None or line.task >= len(stages):
        return True
    others = (other for other in stages[line.task] if other != stage)
    return not line.text.startswith(tuple(f"{o}{mark}" for o in others for mark in (" | ", ": ")))
