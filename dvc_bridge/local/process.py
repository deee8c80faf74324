"""The commands of stages as child processes, with one thread each that never calls DVC."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import TYPE_CHECKING

from dvc_bridge.dvcio.atomic_files import UMASK
from dvc_bridge.dvcio.recording.dvc_stage import Command
from dvc_bridge.local.read_output import LogFile, Output
from dvc_bridge.local.usage import MeasuredChild
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.trace import Usage

if TYPE_CHECKING:
    import psutil

# The exit code that shells use for a command that cannot be started.
NOT_STARTED = 126
POLL_S = 0.05


@dataclass(frozen=True)
class Ended:
    """A stage's command has ended.

    Parameters
    ----------
    at
        When it ended, in seconds of `time.monotonic`.
    failed
        The line whose exit code was not 0.
    usage
        What its processes used; None if no process started.
    """

    index: RunIndex
    code: int
    seconds: float
    at: float
    failed: str = ""
    usage: Usage | None = None


@dataclass(frozen=True)
class Interrupted:
    """The user, or the parent of this process, asked it to end."""

    signal: int


class Processes:
    """Starts commands and reports in `events` when they end.

    Parameters
    ----------
    show
        Called in the command's thread with each line that the command prints.
    passing
        Called in the same way with text that the command will overwrite.
    """

    def __init__(
        self, show: Callable[[RunIndex, str], None], passing: Callable[[RunIndex, str], None]
    ) -> None:
        self.events: SimpleQueue[Ended | Interrupted] = SimpleQueue()
        self._show, self._passing = _ignore_errors(show), _ignore_errors(passing)
        self._children: set[int] = set()
        self._signaled: dict[int, set[psutil.Process]] = {}
        self._stopped = False
        self._lock = Lock()

    def start(self, index: RunIndex, command: Command, log: Path) -> None:
        """Run the stage's shells in sequence in a thread; `log` receives every byte."""
        Thread(target=self._run, args=(index, command, log), daemon=True).start()

    def wait(self, seconds: float | None) -> Ended | Interrupted:
        """Wait for the next event.

        Raises
        ------
        queue.Empty
            The time is over; with None there is no limit.
        """
        return self.events.get(timeout=seconds)

    def stop(self, signum: int, *, kill: bool) -> None:
        """Send a signal to every running command and its descendants, and start no more commands.

        Parameters
        ----------
        kill
            Whether to send SIGKILL instead.
        """
        with self._lock:
            self._stopped = True
            children = list(self._children)
        # Stored, because the children of a shell cannot be found through it once it has ended.
        for pid in children:
            self._signaled.setdefault(pid, set()).update(_process_tree(pid))
        if kill or not (signum == signal.SIGINT and _is_in_foreground()):
            # The oldest first: a shell that outlives its child would start its next command.
            for process in sorted(set().union(*self._signaled.values()), key=_start_order):
                _signal(process, signal.SIGKILL if kill else signum)

    def _run(self, index: RunIndex, command: Command, log: Path) -> None:
        start = time.monotonic()
        failed, code = "", 0
        usage: Usage | None = None
        try:
            with LogFile(log) as file:
                for line, argv in zip(command.lines, command.argv, strict=True):
                    code, used = self._run_line(index, command, argv, file.write)
                    usage = usage + used if usage and used else used or usage
                    if code:
                        failed = line
                        break
        except Exception as exc:
            failed, code = str(exc), NOT_STARTED
        end = time.monotonic()
        self.events.put(Ended(index, code, end - start, end, failed, usage))

    def _run_line(
        self, index: RunIndex, command: Command, argv: list[str], write: Callable[[bytes], object]
    ) -> tuple[int, Usage | None]:
        output = Output(partial(self._show, index), partial(self._passing, index), write)
        child = None
        try:
            child = self._spawn(command, argv, output.end)
        finally:
            output.close_end()
            if child is None:
                output.drop()
        if child is None:
            return -signal.SIGINT, None
        try:
            output.read(child)
            code = child.wait()
            # A shell ends at once, but its children may have to clean up first.
            while any(map(_is_alive, self._signaled.get(child.pid, ()))):
                time.sleep(POLL_S)
            return code, child.usage
        finally:
            with self._lock:
                self._children.discard(child.pid)

    def _spawn(self, command: Command, argv: list[str], output: int) -> MeasuredChild | None:
        with self._lock:
            if self._stopped:
                return None
            child = MeasuredChild(
                subprocess.Popen(
                    argv,
                    cwd=command.cwd,
                    env=command.env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    umask=UMASK,
                )
            )
            self._children.add(child.pid)
            return child


def _ignore_errors(show: Callable[[RunIndex, str], None]) -> Callable[[RunIndex, str], None]:
    """Ignore a line that cannot be shown: its bytes are in the log, and the stage must not fail."""

    def show_if_possible(index: RunIndex, text: str) -> None:
        with suppress(Exception):
            show(index, text)

    return show_if_possible


def _is_in_foreground() -> bool:
    """Return whether Ctrl-C reaches the commands too, which are in this process's group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants."""
    for process in _process_tree(pid):
        _signal(process, signal.SIGKILL)


def _process_tree(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; an empty list if it has ended."""
    import psutil  # noqa: PLC0415  for Ctrl-C only

    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _start_order(process: psutil.Process) -> tuple[float, int]:
    return process.create_time(), process.pid


def _is_alive(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415  as above

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, signum: int) -> None:
    import psutil  # noqa: PLC0415  as above

    with suppress(psutil.NoSuchProcess):  # psutil detects that a pid was reused
        process.send_signal(signum)
