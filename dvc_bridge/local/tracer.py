"""Tracing a run on this machine: the runner says what happens, the tracer keeps when and why."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from dvc_bridge.dvcio.project import Project
from dvc_bridge.git.head import head
from dvc_bridge.local.process import Ended
from dvc_bridge.local.trace_file import TraceFile, to_json
from dvc_bridge.local.usage import MeasuredBody
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.trace import (
    Execution,
    Requests,
    RunTrace,
    StageTrace,
    Usage,
    plain_stage_trace,
    without_command,
)

NODE = os.uname().nodename


@dataclass(slots=True)
class _Command:
    """The command of a stage; times are those of `time.monotonic`."""

    started: float
    reason: str = ""
    log: str = ""
    earlier_s: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    usage: Usage | None = None


class Tracer:
    """The trace of the stages of a run, by their index.

    Parameters
    ----------
    seconds
        Durations of commands in earlier runs, by address.
    requests
        Returns the resources that dvc-bridge.yaml requests for a stage.
    file
        Where the trace goes; None: only `execution` is used, as in a worker.
    run
        The run without its stages.
    attempt
        The number of the engine's attempt; None: unknown, or no engine runs the stages.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        seconds: Mapping[str, float],
        requests: Callable[[str], Requests] = lambda _: {},
        file: TraceFile | None = None,
        run: RunTrace | None = None,
        attempt: int | None = None,
    ) -> None:
        self._addresses, self._seconds, self._requests = addresses, seconds, requests
        self._file, self._attempt = file, attempt
        # The clock of the machine may be set during a run; the differences must stay right.
        self._offset = time.time() - time.monotonic()
        self._run = replace(run or RunTrace("", "local", 0.0), started=self._time(time.monotonic()))
        self._started: dict[RunIndex, float] = {}
        self._ended: dict[RunIndex, float] = {}
        self._commands: dict[RunIndex, _Command] = {}
        self._transferred: dict[RunIndex, tuple[int, int]] = {}
        self._unchanged: set[RunIndex] = set()
        self._texts: dict[RunIndex, str] = {}
        self._followers: Sequence[Sequence[RunIndex]] = ()
        self._waits_for: list[tuple[int, ...]] = []

    @classmethod
    def of_run(
        cls,
        project: Project,
        addresses: Sequence[str],
        seconds: Mapping[str, float],
        requests: Callable[[str], Requests],
        jobs: int,
    ) -> Tracer:
        """Return the tracer of a local run, with a file."""
        now = time.strftime("%m%d-%H%M%S", time.gmtime())
        run = f"local-{now}-{os.urandom(2).hex()}"
        trace = RunTrace(
            run,
            "local",
            0.0,
            jobs=jobs,
            node=NODE,
            cpus=os.cpu_count() or 0,
            revision=head(project),
        )
        return cls(addresses, seconds, requests, TraceFile(project, run), trace)

    @property
    def run(self) -> str:
        """The name of the run; empty if it leaves no trace."""
        return self._run.run

    def follow(self, followers: Sequence[Sequence[RunIndex]]) -> None:
        """Take, for each stage, those that wait for it."""
        self._followers = followers

    def started(self, index: RunIndex) -> None:
        """Keep that the decision about a stage began."""
        self._started[index] = time.monotonic()

    def command_started(self, index: RunIndex, reason: str, log: str) -> None:
        """Keep that the stage's command runs."""
        earlier_s = self._seconds.get(self._addresses[index])
        self._commands[index] = _Command(time.monotonic(), reason, log, earlier_s)
        if self._file is not None:
            if not self._file.is_open:
                self._file.open(self._run, self._all_texts())
            self._keep(index, "running", reason)

    def command_ended(self, index: RunIndex, ended: Ended) -> None:
        """Keep how the stage's command ended."""
        command = self._commands[index]
        command.ended, command.exit_code, command.usage = ended.at, ended.code, ended.usage

    @contextmanager
    def body(self, index: RunIndex) -> Iterator[None]:
        """Keep how Python code that takes the place of the stage's command goes."""
        command, body = _Command(time.monotonic()), MeasuredBody()
        self._started.setdefault(index, command.started)
        yield
        command.ended, command.exit_code, command.usage = time.monotonic(), 0, body.usage()
        self._commands[index] = command

    def transferred(self, index: RunIndex, pulled_bytes: int, pushed_bytes: int) -> None:
        """Add what a stage has transferred."""
        pulled, pushed = self._transferred.get(index, (0, 0))
        self._transferred[index] = (pulled + pulled_bytes, pushed + pushed_bytes)

    def execution(self, index: RunIndex) -> Execution:
        """Return how the stage went on this machine; if it has not ended, as if it ended now."""
        now = time.monotonic()
        command = self._commands.get(index)
        pulled, pushed = self._transferred.get(index, (0, 0))
        return Execution(
            self._time(self._started.get(index, now)),
            self._time(self._ended.get(index, now)),
            self._time(command.started) if command else None,
            self._time(command.ended) if command and command.ended else None,
            command.exit_code if command else None,
            command.usage if command else None,
            node=NODE,
            pulled_bytes=pulled,
            pushed_bytes=pushed,
            attempt=self._attempt,
        )

    def ended(
        self,
        index: RunIndex,
        outcome: Outcome,
        reason: str = "",
        entry: LockEntry | None = None,
        error: str = "",
    ) -> None:
        """Keep the outcome of a stage."""
        self._ended[index] = time.monotonic()
        if outcome is Outcome.UNCHANGED:
            self._unchanged.add(index)
        elif self._file is not None:
            self._keep(index, outcome.value, reason, entry, error)

    def close(self, interrupted: int = 0) -> None:
        """Write the whole trace."""
        if self._file is None:
            return
        now = self._time(time.monotonic())
        run = replace(
            self._run, ended=now, interrupted=interrupted, predicted_s=self._predicted_s()
        )
        self._file.close(run, self._all_texts())

    def _predicted_s(self) -> float | None:
        """Return how long the commands that ran should have taken; None: never timed before."""
        earlier: dict[int, float | None] = {
            index: self._commands[index].earlier_s for index in sorted(self._commands)
        }
        if all(seconds is None for seconds in earlier.values()):
            return None
        # Imported late, with the module `statistics`: most runs have nothing to do.
        from dvc_bridge.planning.remaining_time import remaining_s  # noqa: PLC0415

        return round(remaining_s(earlier, self._followers, {}, self._run.jobs), 3)

    def _all_texts(self) -> list[str]:
        return [
            self._texts.get(index) or self._idle_text(index)
            for index, _ in numbered(RunIndex, self._addresses)
        ]

    def _idle_text(self, index: RunIndex) -> str:
        """Return a stage without a command; a run may have thousands of them."""
        outcome = Outcome.UNCHANGED.value if index in self._unchanged else "waiting"
        stage = {"address": self._addresses[index], "outcome": outcome}
        waits_for = self._upstream(index)
        return to_json({**stage, "waits_for": waits_for} if waits_for else stage)

    def _keep(
        self,
        index: RunIndex,
        outcome: str,
        reason: str,
        entry: LockEntry | None = None,
        error: str = "",
    ) -> None:
        waits_for, command = self._upstream(index), self._commands.get(index)
        execution = self.execution(index) if index in self._started else None
        if execution and index not in self._ended:
            execution = replace(execution, ended=None)
        ends = [self._ended[RunIndex(up)] for up in waits_for if up in self._ended]
        stage = StageTrace(
            self._addresses[index],
            outcome,
            waits_for,
            self._time(max(ends)) if ends else self._run.started,
            reason,
            error,
            command.log if command else "",
            requests=self._requests(self._addresses[index]) if command else {},
            entry=without_command(entry) if entry else {},
            execution=execution,
        )
        text = self._texts[index] = to_json(plain_stage_trace(stage))
        if self._file is not None and self._file.is_open:
            self._file.add(index, text)

    def _upstream(self, index: RunIndex) -> tuple[int, ...]:
        if not self._waits_for:
            self._waits_for = _inverse(self._followers)
        return self._waits_for[index]

    def _time(self, monotonic: float) -> float:
        return round(self._offset + monotonic, 4)


def _inverse(followers: Sequence[Sequence[RunIndex]]) -> list[tuple[int, ...]]:
    """Return for each stage those that it waits for."""
    waits_for: list[list[int]] = [[] for _ in followers]
    for index, others in enumerate(followers):
        for other in dict.fromkeys(others):
            waits_for[other].append(index)
    return [tuple(others) for others in waits_for]
