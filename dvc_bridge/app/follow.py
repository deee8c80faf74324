"""Showing a run while it goes on: its tasks, in the view that a local run has."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.engines.base import Engine
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus
from dvc_bridge.ui.view import View

# The last lines of a failed task's log are shown at once; the engine has the rest.
LOG_LINES = 15
# A registry may fail for a moment.
CANNOT_START_S = 25.0
# What Kubernetes writes about every pod that begins.
_USUAL = ("PodInitializing", "ContainerCreating")
_OUTCOMES = {
    Phase.SUCCEEDED: Outcome.RAN,
    Phase.FAILED: Outcome.FAILED,
    Phase.ERROR: Outcome.FAILED,
    Phase.OMITTED: Outcome.SKIPPED,
    Phase.SKIPPED: Outcome.SKIPPED,
}


def follow_run(
    engine: Engine,
    attempt: str,
    run: str,
    stages: Sequence[Sequence[str]],
    upstream: Sequence[Sequence[int]],
    view: View,
    lock: RepositoryLock,
    *,
    done: Collection[int] = (),
) -> RunStatus:
    """Show an attempt of a run until it has ended, and return how it ended.

    Parameters
    ----------
    stages
        The addresses of each task's stages.
    upstream
        For each task, the numbers of those that it waits for.
    lock
        The repository's lock, which is held; others may have it meanwhile.
    done
        Tasks that are not part of this attempt.

    Raises
    ------
    UsageError
        A task cannot start.
    """
    names = [f"g{number} {', '.join(addresses)}" for number, addresses in enumerate(stages)]
    followers: list[list[int]] = [[] for _ in stages]
    for number, before in enumerate(upstream):
        for other in before:
            followers[other].append(number)
    shown, status = _ShownTasks(engine, run, view), None
    try:
        with lock.released(), view.shown(names, {}, followers):
            for task in done:
                view.ended(task, Outcome.UNCHANGED)
            for status in engine.watch(attempt):
                for task_status in status.tasks:
                    shown.show(task_status)
                shown.check(status)
    except KeyboardInterrupt:
        view.note(
            f"run {run} goes on; later: dvc-bridge collect {run}; to end it: dvc-bridge stop {run}"
        )
        raise
    return status or engine.status(run)


class _ShownTasks:
    """What was shown of each task."""

    def __init__(self, engine: Engine, run: str, view: View) -> None:
        self._engine, self._run, self._view = engine, run, view
        self._last: dict[int, tuple[Phase, int, str]] = {}
        self._since: dict[int, float] = {}

    def show(self, task: TaskStatus) -> None:
        """Show what is new."""
        now = (task.phase, task.attempts, task.message)
        before, self._last[task.task] = self._last.get(task.task), now
        if before == now:
            return
        if before and task.attempts > before[1]:
            self._view.note(f"g{task.task}: its worker was lost, or met a fault; tried again")
        if task.phase is Phase.RUNNING and (before is None or before[0] is not Phase.RUNNING):
            self._view.started(task.task)
        if before and before[0] is task.phase and task.phase is not Phase.PENDING:
            return
        if outcome := _OUTCOMES.get(task.phase):
            if task.phase.is_bad:
                self._show_reason(task)
            self._view.ended(task.task, outcome)
        elif task.message and task.message not in _USUAL:
            self._view.note(f"g{task.task} {task.phase.lower()}: {task.message}")

    def check(self, status: RunStatus) -> None:
        """Refuse to wait for a task that has not been able to start for a while."""
        now = time.monotonic()
        waiting = {task.task: task for task in status.tasks if task.fix}
        self._since = {number: self._since.get(number, now) for number in waiting}
        for number, task in waiting.items():
            if now - self._since[number] > CANNOT_START_S:
                raise UsageError(
                    f"g{number} cannot start: {task.message}",
                    f"dvc-bridge stop {self._run}; {task.fix}",
                )

    def _show_reason(self, task: TaskStatus) -> None:
        for line in self._log(task) if task.place else []:
            self._view.line(task.task, line)
        if task.message:
            self._view.line(task.task, task.message)

    def _log(self, task: TaskStatus) -> list[str]:
        try:
            lines = list(self._engine.logs(self._run, {task.task}, follow=False))[-LOG_LINES:]
        except BridgeError as exc:
            return [f"no log: {exc.message}"]
        return [f"no log: {line.text}" if line.is_note else line.text for line in lines]
