"""The local runner: it schedules and records stages in one thread; commands run in others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import Empty

from dvc_bridge.dvcio.cache_check import CacheCheck
from dvc_bridge.dvcio.locks import PathLocks, RepositoryLock
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.templates import message_with_causes
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import (
    BridgeError,
    StageFailedError,
    UsageError,
    of_system,
)
from dvc_bridge.local.cpu_limits import thread_limits
from dvc_bridge.local.history import History
from dvc_bridge.local.process import NOT_STARTED, Ended, Interrupted, Processes
from dvc_bridge.local.recorder import Recorder
from dvc_bridge.local.signals import forward_signals, stop_commands
from dvc_bridge.local.tracer import Tracer
from dvc_bridge.pipeline.numbering import RunIndex, StagePosition
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.run_summary import Summary
from dvc_bridge.pipeline.stage import Pipeline, Stage
from dvc_bridge.pipeline.trace import Requests
from dvc_bridge.planning.graph import direct_downstream
from dvc_bridge.planning.record_readers import record_readers
from dvc_bridge.planning.schedule import Schedule
from dvc_bridge.ui.view import View


@dataclass(frozen=True)
class Options:
    """The options of a run.

    Parameters
    ----------
    alone
        Whether each stage runs without regard to the others, as with `--single-item`.
    mutexes
        Groups of addresses; only one stage of each group runs at a time.
    limits
        Groups of addresses, and how many stages of each group may run at a time.
    queues
        Groups of addresses; the stages of each group are decided in sequence, in DVC's order.
    certain
        Returns whether a stage of a queue runs regardless of the stages before it.
    requests
        Returns the resources that a stage requests, for the trace; None: the run leaves no trace.
    confirm
        Asks the user a question for `interactive`, and returns whether the answer is yes.
    """

    flags: RunFlags
    alone: bool = False
    mutexes: tuple[frozenset[str], ...] = ()
    limits: tuple[tuple[frozenset[str], int], ...] = ()
    queues: tuple[frozenset[str], ...] = ()
    certain: Callable[[Stage], bool] = lambda _: False
    requests: Callable[[str], Requests] | None = None
    confirm: Callable[[str], bool] = lambda _: False


class Run:
    """One run; it identifies stages by their index in `Schedule`.

    Every stage passes through `_begin`, a stage that needs its command also through `_start` and
    `_end`, and every stage ends in `_done` or `_fail`.
    """

    def __init__(
        self,
        project: Project,
        pipeline: Pipeline,
        order: Sequence[StagePosition],
        options: Options,
        view: View,
        lock: RepositoryLock,
        session: Session,
        recorder: Recorder,
        *,
        journal: History,
        tracer: Tracer,
    ) -> None:
        self._started_at = time.monotonic()
        self._project, self._flags, self._view = project, options.flags, view
        self._session, self._repository_lock = session, lock
        self._stages: list[Stage] = [pipeline.stages[position] for position in order]
        # A stage that reads dvc.lock runs when all stages before it are recorded, and no later one.
        readers = record_readers(self._stages, git=project.git_root is not None)
        self._readers = readers.keys()
        self._schedule = Schedule.of(
            pipeline,
            order,
            alone=options.alone,
            mutexes=options.mutexes,
            limits=options.limits,
            queues=options.queues,
            certain=lambda index: options.certain(self._stages[index]),
            in_order=((index, other) for index, others in readers.items() for other in others),
        )
        self._path_locks = PathLocks(project)
        self._history, self._tracer = journal, tracer
        tracer.follow(self._schedule.followers)
        self._env = {**dvc_stage.base_environment(), **thread_limits(self._flags.jobs, os.environ)}
        needs_downstream = self._flags.force_downstream and not options.alone
        self._downstream = direct_downstream(pipeline, order) if needs_downstream else {}
        self._forced: set[RunIndex] = set()
        self._recorder = recorder
        self._processes = Processes(view.line, view.passing)
        self._running: set[RunIndex] = set()
        self._stopping = False
        self._problem: Exception | None = None
        self._published_upstream: set[RunIndex] = set()
        self._cache_check = CacheCheck(project.cache)
        self.summary = Summary()

    def run(self) -> Summary:
        """Run the stages in parallel as the recorder decides; see `repro`."""
        addresses = [stage.address for stage in self._stages]
        with ExitStack() as stack:
            # Entered first, so that it ends last: a signal must not interrupt the last writes.
            stack.enter_context(forward_signals(self._processes.events.put))
            followers = self._schedule.followers
            stack.enter_context(
                self._view.shown(addresses, self._history.seconds, followers, self._tracer.run)
            )
            stack.callback(lambda: self._tracer.close(self.summary.interrupted))
            stack.callback(self._history.save)
            stack.callback(self._recorder.close)
            while True:
                self._fill()
                if not self._running:
                    break
                self._wait()
            if self._problem:
                raise self._problem
        self.summary.seconds = time.monotonic() - self._started_at
        return self.summary

    def _fill(self) -> None:
        while not self._stopping and len(self._running) < self._flags.jobs and self._schedule.ready:
            self._begin(self._schedule.take())

    def _wait(self) -> None:
        if self._processes.events.empty():
            self._session.open()  # while the first commands run
        self._end(self._next_end())

    def _next_end(self) -> Ended:
        while True:
            event = self._next_event()
            if isinstance(event, Ended):
                return event
            if event is not None:
                # Forwarded at once: the command to be stopped may itself hold the lock.
                self._interrupt(event.signal)

    def _next_event(self) -> Ended | Interrupted | None:
        """Wait for the next event without the lock; None: dvc.lock may be due to be written."""
        if not self._processes.events.empty():
            return self._processes.events.get()
        due_s = self._recorder.publish_due_s()
        if due_s == 0:
            self._publish()
            due_s = None
        with self._repository_lock.released(), suppress(Empty):
            return self._processes.wait(due_s)
        return None

    def _publish(self) -> None:
        """Write dvc.lock while commands run; an error ends the run after these commands."""
        try:
            self._recorder.publish()
        except Exception as exc:
            self._problem = self._problem or exc
            self._stopping = True

    def _publish_for(self, index: RunIndex) -> None:
        """Write dvc.lock for a command that may read it, if it lacks a stage upstream."""
        due_s = self._recorder.publish_due_s()
        if due_s is None:
            return
        if (
            due_s
            and self._flags.jobs > 1
            and not self._is_upstream(index, self._recorder.unpublished)
        ):
            return
        self._recorder.publish()

    def _is_upstream(self, index: RunIndex, candidates: Collection[RunIndex]) -> bool:
        """Return whether one of the candidates is upstream of a stage, directly or not."""
        pending, visited = [index], set[RunIndex]()
        while pending:
            for upstream in self._schedule.needs[pending.pop()]:
                if upstream in candidates:
                    return True
                if upstream not in self._published_upstream and upstream not in visited:
                    visited.add(upstream)
                    pending.append(upstream)
        self._published_upstream |= visited
        return False

    def _begin(self, index: RunIndex) -> None:
        stage = self._stages[index]
        self._tracer.started(index)
        try:
            # First, because settling a stage may remove its outs.
            self._path_locks.check(*_paths_to_lock(stage))
            if index in self._readers:
                self._recorder.publish()
            force = self._flags.force or index in self._forced
            outcome = self._recorder.settle(index, stage, force=force)
            if outcome is None:
                self._start(index)
                return
        except Exception as exc:
            self._fail(index, _bridge_error(exc))
            return
        self._done(index, outcome)

    def _start(self, index: RunIndex) -> None:
        stage = self._stages[index]
        if any(out.cached for out in stage.outs):
            self._cache_check.run()  # fail now, not after hours
        self._publish_for(index)
        self._path_locks.take(index, *_paths_to_lock(stage))
        command = dvc_stage.command(self._project, stage, self._env)
        log = self._history.log(stage.address)
        reason = self._recorder.reason(index)
        self._view.started(index, command.lines, reason)
        self._tracer.command_started(index, reason, str(log.relative_to(self._project.root)))
        self._processes.start(index, command, log)
        self._running.add(index)

    def _end(self, ended: Ended) -> None:
        index = ended.index
        self._running.discard(index)
        self._path_locks.drop(index)
        self._tracer.command_ended(index, ended)
        if ended.code:
            self._fail(index, StageFailedError(_failure_message(ended)))
            return
        self._history.took(self._stages[index].address, ended.seconds, ended.usage)
        try:
            self._recorder.record(index, self._stages[index], finish=True)
        except Exception as exc:
            self._fail(index, _bridge_error(exc))
            return
        self._done(index, Outcome.RAN)

    def _done(self, index: RunIndex, outcome: Outcome, error: str = "") -> None:
        self.summary.outcomes[self._stages[index].address] = outcome
        reason = ""
        if outcome is Outcome.UNCHANGED:
            self._tracer.ended(index, outcome)
        else:
            reason, entry = self._recorder.reason(index), self._recorder.entry(index)
            self._tracer.ended(index, outcome, reason, entry, error)
        self._view.ended(index, outcome, error or reason)
        if outcome in (Outcome.RAN, Outcome.RESTORED) or index in self._forced:
            self._forced.update(self._downstream.get(index, ()))
        self._schedule.ended(index)

    def _fail(self, index: RunIndex, error: BridgeError) -> None:
        self._recorder.forget(index)
        address = self._stages[index].address
        self.summary.errors[address] = error
        goes_on = self._flags.keep_going or self._flags.ignore_errors
        self._stopping = self._stopping or not goes_on
        self._view.line(index, error.message)
        skipped = [] if self._flags.ignore_errors else self._schedule.skip_dependents(index)
        self._done(index, Outcome.FAILED, error.message)
        for dependent in skipped:
            why = f"{address} failed"
            self._tracer.ended(dependent, Outcome.SKIPPED, why)
            self.summary.outcomes[self._stages[dependent].address] = Outcome.SKIPPED
            self._view.ended(dependent, Outcome.SKIPPED, why)

    def _interrupt(self, signum: int) -> None:
        is_repeated = bool(self.summary.interrupted)
        self.summary.interrupted = signum
        self._stopping = True
        stop_commands(
            self._processes, self._view, signum, len(self._running), is_repeated=is_repeated
        )


def _paths_to_lock(stage: Stage) -> tuple[list[str], list[str]]:
    """Return the paths that a running stage locks for reading and for writing, from the root."""
    reads = [read.at for read in stage.reads if "://" not in read.at]
    return reads, [out.at for out in stage.outs if out.local]


def _bridge_error(exc: Exception) -> BridgeError:
    """Return the error of a stage whose command did not fail, with a next step if one is known."""
    if isinstance(exc, BridgeError):
        return exc
    system_error = of_system(exc) if isinstance(exc, OSError) else None
    return system_error or UsageError(message_with_causes(exc))


def _failure_message(ended: Ended) -> str:
    if ended.code < 0:
        return f"`{ended.failed}` was terminated by {signal.Signals(-ended.code).name}"
    if ended.code == NOT_STARTED:
        return f"the command cannot be started: {ended.failed}"
    return f"`{ended.failed}` exited with {ended.code}"
