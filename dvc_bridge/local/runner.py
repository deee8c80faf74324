"""A plan carried out here: bookkeeping in this thread, commands beside it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from queue import Empty

from dvc_bridge.dvcio.atomic_files import check_writable
from dvc_bridge.dvcio.locks import PathLocks, RepositoryLock
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.templates import message_with_causes
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import (
    BridgeError,
    StageFailedError,
    UsageError,
    of_system,
)
from dvc_bridge.local.cpu_limits import thread_limits
from dvc_bridge.local.dvc_recorder import DvcRecorder
from dvc_bridge.local.history import History
from dvc_bridge.local.process import NOT_STARTED, Ended, Interrupted, Processes
from dvc_bridge.local.recorder import Recorder
from dvc_bridge.local.signals import forward_signals
from dvc_bridge.pipeline.outcome import Outcome, Summary
from dvc_bridge.pipeline.stage import Pipeline, Stage
from dvc_bridge.planning.changes import sharing_losses
from dvc_bridge.planning.next_action import is_certain_to_run
from dvc_bridge.planning.record_readers import record_readers
from dvc_bridge.planning.schedule import Schedule
from dvc_bridge.ui.view import View


@dataclass(frozen=True)
class Options:
    """How to run.

    Parameters
    ----------
    alone
        Each stage stands for itself, as with `--single-item`.
    mutexes
        Groups of addresses of which only one runs at a time.
    queues
        Groups of addresses that are looked at one after the other, in DVC's order.
    certain
        Whether a stage of a queue runs whatever those before it do.
    """

    jobs: int = 1
    keep_going: bool = False
    force: bool = False
    alone: bool = False
    mutexes: tuple[frozenset[str], ...] = ()
    queues: tuple[frozenset[str], ...] = ()
    certain: Callable[[Stage], bool] = lambda _: False


def repro(
    project: Project,
    pipeline: Pipeline,
    order: Sequence[int],
    options: Options,
    view: View,
    lock: RepositoryLock,
) -> Summary:
    """Bring the stages at `order` up to date, as `dvc repro` would, in parallel.

    A stage that fails is in the summary, not an exception.

    Parameters
    ----------
    lock
        The repository's lock, which the caller holds since before it read `pipeline`.
    """
    stages = [pipeline.stages[place] for place in order]
    unfinished = RecoveryLog(project, [stage.address for stage in stages])
    unfinished.tidy(project, (out.at for stage in stages for out in stage.outs if out.local))
    with Session(project, view.note, unfinished) as session:
        workspace = Workspace(project)
        options = replace(
            options,
            queues=tuple(sharing_losses(stages, workspace.lost)),
            certain=lambda s: is_certain_to_run(s, workspace, workspace.has_runs),
        )
        books = DvcRecorder(project, session, workspace, unfinished)
        journal = History(project)
        run = Run(project, pipeline, order, options, view, lock, session, books, journal=journal)
        return run.run()


class Run:
    """One run; places are those of `Schedule`.

    Every stage goes through `_begin`; the one that needs its command also through `_start` and
    `_end`; all end in `_done` or `_fail`.
    """

    def __init__(
        self,
        project: Project,
        pipeline: Pipeline,
        order: Sequence[int],
        options: Options,
        view: View,
        lock: RepositoryLock,
        session: Session,
        books: Recorder,
        *,
        journal: History,
    ) -> None:
        self._begun = time.monotonic()
        self._project, self._options, self._view = project, options, view
        self._session, self._repository_lock = session, lock
        self._stages: list[Stage] = [pipeline.stages[p] for p in order]
        # What reads dvc.lock has its turn when all before it is recorded, and nothing after it.
        readers = record_readers(self._stages, git=project.git_root is not None)
        self._readers = readers.keys()
        self._schedule = Schedule.of(
            pipeline,
            order,
            alone=options.alone,
            mutexes=options.mutexes,
            queues=options.queues,
            certain=lambda place: options.certain(self._stages[place]),
            in_order=((place, other) for place, others in readers.items() for other in others),
        )
        self._claims = PathLocks(project)
        self._journal = journal
        self._env = {**dvc_stage.base_environment(), **thread_limits(options.jobs, os.environ)}
        self._books = books
        self._processes = Processes(view.line, view.passing)
        self._running: set[int] = set()
        self._stopping = False
        self._problem: Exception | None = None
        self._published_above: set[int] = set()
        self.summary = Summary()

    def run(self) -> Summary:
        """Run the stages in parallel by what the books say of them; see `repro`."""
        names = [stage.address for stage in self._stages]
        with ExitStack() as stack:
            # First, so that it ends last: what is written at the end is written to its end.
            stack.enter_context(forward_signals(self._processes.events.put))
            followers = self._schedule.followers
            stack.enter_context(self._view.shown(names, self._journal.seconds, followers))
            stack.callback(self._journal.save)
            stack.callback(self._books.close)
            while True:
                self._fill()
                if not self._running:
                    break
                self._wait()
            if self._problem:
                raise self._problem
        self.summary.seconds = time.monotonic() - self._begun
        return self.summary

    def _fill(self) -> None:
        while (
            not self._stopping and len(self._running) < self._options.jobs and self._schedule.ready
        ):
            self._begin(self._schedule.take())

    def _wait(self) -> None:
        if self._processes.events.empty():
            self._session.open()  # beside the first commands
        self._end(self._next_end())

    def _next_end(self) -> Ended:
        while True:
            event = self._next_event()
            if isinstance(event, Ended):
                return event
            if event is not None:
                # Passed on at once: the lock may be held by the very command that it is to end.
                self._interrupt(event.signal)

    def _next_event(self) -> Ended | Interrupted | None:
        """Wait for the next event, the lock let go; None: dvc.lock may be due to be written."""
        if not self._processes.events.empty():
            return self._processes.events.get()
        due_s = self._books.publish_due_s()
        if due_s == 0:
            self._publish()
            due_s = None
        with self._repository_lock.released(), suppress(Empty):
            return self._processes.wait(due_s)
        return None

    def _publish(self) -> None:
        """Write dvc.lock while commands run; what keeps it from that ends the run, not them."""
        try:
            self._books.publish()
        except Exception as exc:
            self._problem = self._problem or exc
            self._stopping = True

    def _publish_for(self, place: int) -> None:
        """Write dvc.lock for a command that may look at it: what is upstream, or all."""
        due_s = self._books.publish_due_s()
        if due_s is None:
            return
        if due_s and self._options.jobs > 1 and not self._has_above(place, self._books.unpublished):
            return
        self._books.publish()

    def _has_above(self, place: int, wanted: Collection[int]) -> bool:
        """Whether one of the places is upstream of `place`, by whatever way."""
        left, seen = [place], set[int]()
        while left:
            for above in self._schedule.needs[left.pop()]:
                if above in wanted:
                    return True
                if above not in self._published_above and above not in seen:
                    seen.add(above)
                    left.append(above)
        self._published_above |= seen
        return False

    def _begin(self, place: int) -> None:
        stage = self._stages[place]
        try:
            # First: what settles a stage may remove its outs.
            self._claims.check(*_claimed(stage))
            if place in self._readers:
                self._books.publish()
            outcome = self._books.settle(place, stage, force=self._options.force)
            if outcome is None:
                self._start(place)
                return
        except Exception as exc:
            self._fail(place, _as_error(exc))
            return
        self._done(place, outcome)

    def _start(self, place: int) -> None:
        stage = self._stages[place]
        if any(out.cached for out in stage.outs):
            check_writable(self._project.cache)  # rather now than after hours
        self._publish_for(place)
        self._claims.take(place, *_claimed(stage))
        command = dvc_stage.command(self._project, stage, self._env)
        self._view.started(place)
        self._processes.start(place, command, self._journal.log(stage.address))
        self._running.add(place)

    def _end(self, ended: Ended) -> None:
        place = ended.position
        self._running.discard(place)
        self._claims.drop(place)
        if ended.code:
            self._fail(place, StageFailedError(_ended_badly(ended)))
            return
        self._journal.took(self._stages[place].address, ended.seconds)
        try:
            self._books.record(place, self._stages[place], finish=True)
        except Exception as exc:
            self._fail(place, _as_error(exc))
            return
        self._done(place, Outcome.RAN)

    def _done(self, place: int, outcome: Outcome) -> None:
        self.summary.outcomes[self._stages[place].address] = outcome
        self._view.ended(place, outcome)
        self._schedule.ended(place)

    def _fail(self, place: int, error: BridgeError) -> None:
        self._books.forget(place)
        address = self._stages[place].address
        self.summary.errors[address] = error
        self._stopping = self._stopping or not self._options.keep_going
        self._view.line(place, error.message)
        skipped = self._schedule.skip_dependents(place)
        self._done(place, Outcome.FAILED)
        for dependent in skipped:
            self.summary.outcomes[self._stages[dependent].address] = Outcome.SKIPPED
            self._view.ended(dependent, Outcome.SKIPPED)

    def _interrupt(self, signum: int) -> None:
        again = bool(self.summary.interrupted)
        self.summary.interrupted = signum
        self._stopping = True
        many = f"{len(self._running)} stages" if len(self._running) > 1 else "1 stage"
        self._view.note(f"killing {many}" if again else f"stopping {many}; once more kills them")
        self._processes.stop(signum, kill=again)


def _claimed(stage: Stage) -> tuple[list[str], list[str]]:
    """What nobody may write while the stage runs, and what nobody else may use: from the root."""
    reads = [read.at for read in stage.reads if "://" not in read.at]
    return reads, [out.at for out in stage.outs if out.local]


def _as_error(exc: Exception) -> BridgeError:
    """What has kept a stage from its end beside its command, with the next step if it is known."""
    if isinstance(exc, BridgeError):
        return exc
    refused = of_system(exc) if isinstance(exc, OSError) else None
    return refused or UsageError(message_with_causes(exc))


def _ended_badly(ended: Ended) -> str:
    if ended.code < 0:
        return f"`{ended.failed}` was ended by {signal.Signals(-ended.code).name}"
    if ended.code == NOT_STARTED:
        return f"the command cannot be started: {ended.failed}"
    return f"`{ended.failed}` exited with {ended.code}"
