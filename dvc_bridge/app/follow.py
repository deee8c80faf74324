"""Following a remote run, in the same view as a local run, until its results can be merged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from dvc_bridge.app.context import RunContext
from dvc_bridge.app.early_download import EarlyDownload
from dvc_bridge.engines.base import Engine
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.numbering import TaskNumber, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_status import Phase, RunStatus, TaskStatus
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.ui.view import View

# How many of the last lines of a failed task's log are shown; the engine has the rest.
LOG_LINES = 15
_LINE_CHARS = 2000
# How long a task may fail to start: a registry may have a transient fault.
CANNOT_START_S = 25.0
# The messages that Kubernetes and SLURM write about every task that starts on a busy cluster.
_USUAL_MESSAGES = ("PodInitializing", "ContainerCreating", "waits: Priority", "waits: Resources")
_OUTCOMES = {
    Phase.SUCCEEDED: Outcome.RAN,
    Phase.FAILED: Outcome.FAILED,
    Phase.ERROR: Outcome.FAILED,
    Phase.OMITTED: Outcome.SKIPPED,
    Phase.SKIPPED: Outcome.SKIPPED,
}
# Why a task is tried again, if the engine does not say it.
_LOST = "its worker was lost, or had a transient fault"


def follow_run(
    context: RunContext,
    engine: Engine,
    attempt: str,
    run: str,
    stages: Sequence[Sequence[Stage]],
    upstream: Sequence[Sequence[TaskNumber]],
    view: View,
    *,
    done: Collection[TaskNumber] = (),
) -> RunStatus:
    """Show an attempt of a run until it has ended, and prepare the merge of its results.

    Results are downloaded into the cache while other tasks still run. The repository's lock, which
    the caller holds, is released while this function waits.

    Parameters
    ----------
    stages
        The stages of each task.
    upstream
        For each task, the numbers of those that it waits for.
    done
        Tasks that are not part of this attempt.

    Raises
    ------
    UsageError
        A task cannot start, or the project's files have changed and cannot be read.
    """
    names = [
        f"g{number} {', '.join(stage.address for stage in of_task)}"
        for number, of_task in enumerate(stages)
    ]
    early_download = EarlyDownload(context.session, *context.store(run), stages)
    tasks, status = _ShownTasks(engine, run, view, early_download.add), None
    try:
        with (
            early_download.running(),
            context.lock.released(),
            view.shown(names, {}, _followers(upstream), run),
        ):
            for task in done:
                view.ended(task, Outcome.UNCHANGED)
            for status in engine.watch(attempt):
                for task_status in status.tasks:
                    tasks.show(task_status)
                tasks.check(status)
    except KeyboardInterrupt:
        view.note(
            f"run {run} is still running; merge its results later with dvc-bridge collect {run}, or"
            f" stop it with dvc-bridge stop {run}"
        )
        raise
    status = status or engine.status(run)
    engine.forget(run.__eq__)
    context.read_after(run)
    return status


def _followers(upstream: Sequence[Sequence[TaskNumber]]) -> list[list[TaskNumber]]:
    """Return for each task the tasks that wait for it."""
    followers: list[list[TaskNumber]] = [[] for _ in upstream]
    for number, others in numbered(TaskNumber, upstream):
        for other in others:
            followers[other].append(number)
    return followers


class _ShownTasks:
    """The last status of each task that was shown."""

    def __init__(
        self, engine: Engine, run: str, view: View, on_success: Callable[[TaskNumber], object]
    ) -> None:
        self._engine, self._run, self._view, self._on_success = engine, run, view, on_success
        self._last: dict[TaskNumber, tuple[Phase, int, str]] = {}
        self._since: dict[TaskNumber, float] = {}

    def show(self, task: TaskStatus) -> None:
        """Show the changes of a task since its last status."""
        current = (task.phase, task.attempts, task.message)
        previous, self._last[task.task] = self._last.get(task.task), current
        if previous == current:
            return
        if previous and task.attempts > previous[1]:
            reason = "".join(task.retry_reasons[-1:]) or _LOST
            self._view.note(f"g{task.task}: {reason}; retrying")
        if task.phase is Phase.RUNNING and (previous is None or previous[0] is not Phase.RUNNING):
            self._view.started(task.task)
        if previous and previous[0] is task.phase and task.phase is not Phase.PENDING:
            return
        if outcome := _OUTCOMES.get(task.phase):
            if task.phase.is_bad:
                self._show_reason(task)
            self._view.ended(task.task, outcome, task.message)
            if task.phase is Phase.SUCCEEDED:
                self._on_success(task.task)
        elif task.message and task.message not in _USUAL_MESSAGES:
            self._view.note(f"g{task.task} {task.phase.lower()}: {task.message}")

    def check(self, status: RunStatus) -> None:
        """Raise an error if a task has not been able to start for a while."""
        now = time.monotonic()
        waiting = {task.task: task for task in status.tasks if task.is_blocked}
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
        if task.fix:
            self._view.line(task.task, f"fix: {task.fix}")

    def _log(self, task: TaskStatus) -> list[str]:
        try:
            lines = deque(self._engine.logs(self._run, {task.task}, follow=False), LOG_LINES)
        except BridgeError as exc:
            return [f"no log: {exc.message}"]
        return [f"no log: {line.text}" if line.is_note else _shown(line.text) for line in lines]


def _shown(text: str) -> str:
    """Return the end of a line: a progress bar may write megabytes without a line end."""
    return text if len(text) <= _LINE_CHARS else f"[...] {text[-_LINE_CHARS:]}"
