"""The status of a remote run and of its tasks, as any engine reports it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dvc_bridge.pipeline.numbering import TaskNumber


class Phase(StrEnum):
    """The phase of a task or a run. The values appear in `status --json`."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"  # the engine lost it or could not run it
    SKIPPED = "Skipped"
    OMITTED = "Omitted"  # a task upstream failed

    @property
    def is_bad(self) -> bool:
        """Whether this is a final phase without success."""
        return self in (Phase.FAILED, Phase.ERROR)

    @property
    def is_end(self) -> bool:
        """Whether this is a final phase."""
        return self not in (Phase.PENDING, Phase.RUNNING)


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The status of one task of a run, in its latest attempt.

    Parameters
    ----------
    task
        The number of the task.
    place
        The engine's name for it, such as a pod's name or a job's ID; empty if it never started.
    started, finished
        In UTC.
    exit_code
        The exit code of the worker; None if there is none yet.
    attempts
        How many times the engine started it.
    fix
        What the user can do about a task that failed or waits; empty: unknown, or nothing.
    is_blocked
        Whether the task waits and does not start unless the user does something.
    retry_reasons
        Why each attempt before the latest one ended; an empty text: unknown.
    out_of_memory
        The number, from 1, of the last attempt that was killed because it needed more memory; 0:
        none was.
    """

    task: TaskNumber
    phase: Phase
    message: str = ""
    place: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    attempts: int = 1
    fix: str = ""
    is_blocked: bool = False
    retry_reasons: tuple[str, ...] = ()
    out_of_memory: int = 0


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of a run.

    Parameters
    ----------
    tasks
        The tasks that have started, by number.
    stages
        The addresses of each task's stages; empty if the engine does not know them.
    """

    run: str
    phase: Phase
    message: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    tasks: tuple[TaskStatus, ...] = ()
    stages: tuple[tuple[str, ...], ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.phase.is_end
