"""The status of a remote run and of its tasks, as any engine reports it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Phase(StrEnum):
    """Where a task or a run stands. The values are those of `status --json`."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"  # the engine lost it, or could not carry it out
    SKIPPED = "Skipped"
    OMITTED = "Omitted"  # a task that it waits for failed

    @property
    def is_bad(self) -> bool:
        """Whether it ended without success."""
        return self in (Phase.FAILED, Phase.ERROR)

    @property
    def is_end(self) -> bool:
        """Whether it does not change any more."""
        return self not in (Phase.PENDING, Phase.RUNNING)


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """The status of one task of a run, at its newest attempt.

    Parameters
    ----------
    task
        The number of the task.
    place
        What the engine calls it, as a pod's name or a job's id; empty if it never began.
    started, finished
        In UTC.
    exit_code
        Of the worker; None if there is none (yet).
    attempts
        How many times it was started.
    fix
        What the user has to do because it cannot start by itself; empty: it can.
    """

    task: int
    phase: Phase
    message: str = ""
    place: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    attempts: int = 1
    fix: str = ""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of a run.

    Parameters
    ----------
    tasks
        Those that have begun, by number.
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
        """Whether nothing more will happen."""
        return self.phase.is_end
