"""The commands of stages as child processes: one thread each, nothing of DVC in it."""

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
from dvc_bridge.local.output import LogFile, Output

if TYPE_CHECKING:
    import psutil

# The exit code that shells use for what cannot be started.
NOT_STARTED = 126
POLL_S = 0.05


@dataclass(frozen=True)
class Ended:
    """A stage's command has ended; `failed` is the line that did not end with 0."""

    position: int
    code: int
    seconds: float
    failed: str = ""


@dataclass(frozen=True)
class Interrupted:
    """The user, or who watches over this process, wants it to end."""

    signal: int


class Processes:
    """Starts commands and reports their end in `events`.

    Parameters
    ----------
    show
        Called in the command's thread with each line that it prints.
    passing
        The same with what will be written over.
    """

    def __init__(
        self, show: Callable[[int, str], None], passing: Callable[[int, str], None]
    ) -> None:
        self.events: SimpleQueue[Ended | Interrupted] = SimpleQueue()
        self._show, self._passing = _harmless(show), _harmless(passing)
        self._children: set[int] = set()
        self._told: dict[int, set[psutil.Process]] = {}
        self._stopped = False
        self._lock = Lock()

    def start(self, position: int, command: Command, log: Path) -> None:
        """Run the stage's shells one after the other in a thread; `log` gets every byte."""
        Thread(target=self._run, args=(position, command, log), daemon=True).start()

    def wait(self, seconds: float | None) -> Ended | Interrupted:
        """Wait for the next event; queue.Empty is raised after the time, None: never."""
        return self.events.get(timeout=seconds)

    def stop(self, signum: int, *, kill: bool) -> None:
        """Pass a signal on to every running command and all that it has started; start no more.

        Parameters
        ----------
        kill
            End them, whatever they are doing.
        """
        with self._lock:
            self._stopped = True
            children = list(self._children)
        # Kept: what a shell has started cannot be found through it once it has gone.
        for pid in children:
            self._told.setdefault(pid, set()).update(_tree(pid))
        if kill or not (signum == signal.SIGINT and _is_in_foreground()):
            # The oldest first: a shell that outlived its child would go on with its next command.
            for process in sorted(set().union(*self._told.values()), key=_age):
                _signal(process, signal.SIGKILL if kill else signum)

    def _run(self, position: int, command: Command, log: Path) -> None:
        start = time.monotonic()
        failed, code = "", 0
        try:
            with LogFile(log) as file:
                for line, argv in zip(command.lines, command.argv, strict=True):
                    code = self._run_one(position, command, argv, file.write)
                    if code:
                        failed = line
                        break
        except Exception as exc:
            failed, code = str(exc), NOT_STARTED
        self.events.put(Ended(position, code, time.monotonic() - start, failed))

    def _run_one(
        self, position: int, command: Command, argv: list[str], write: Callable[[bytes], object]
    ) -> int:
        output = Output(partial(self._show, position), partial(self._passing, position), write)
        child = None
        try:
            child = self._spawn(command, argv, output.end)
        finally:
            output.close_end()
            if child is None:
                output.drop()
        if child is None:
            return -signal.SIGINT
        try:
            output.read(lambda: child.poll() is not None)
            code = child.wait()
            # A shell ends at once, what it runs may want to put something in order first.
            while any(map(_lives, self._told.get(child.pid, ()))):
                time.sleep(POLL_S)
            return code
        finally:
            with self._lock:
                self._children.discard(child.pid)

    def _spawn(
        self, command: Command, argv: list[str], output: int
    ) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped:
                return None
            child = subprocess.Popen(
                argv,
                cwd=command.cwd,
                env=command.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                umask=UMASK,
            )
            self._children.add(child.pid)
            return child


def _harmless(show: Callable[[int, str], None]) -> Callable[[int, str], None]:
    """Drop a line that cannot be shown; its bytes are in the log, and no stage fails by it."""

    def shown(position: int, text: str) -> None:
        with suppress(Exception):
            show(position, text)

    return shown


def _is_in_foreground() -> bool:
    """Whether Ctrl-C reaches the commands too: they are in this process's group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def kill_tree(pid: int) -> None:
    """Kill a process and all that it has started."""
    for process in _tree(pid):
        _signal(process, signal.SIGKILL)


def _tree(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started, also indirectly."""
    import psutil  # noqa: PLC0415  for Ctrl-C only

    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _age(process: psutil.Process) -> tuple[float, int]:
    return process.create_time(), process.pid


def _lives(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415  as above

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, signum: int) -> None:
    import psutil  # noqa: PLC0415  as above

    with suppress(psutil.NoSuchProcess):  # it knows one pid's second owner from its first
        process.send_signal(signum)
