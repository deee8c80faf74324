"""The commands of stages as child processes: one thread each, nothing of DVC in it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread

from dvc_bridge.dvcio.files import UMASK
from dvc_bridge.dvcio.stage import Command

CHUNK = 1 << 16
# The exit code that shells use for what cannot be started.
NOT_STARTED = 126


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
    """

    def __init__(self, show: Callable[[int, str], None]) -> None:
        self.events: SimpleQueue[Ended | Interrupted] = SimpleQueue()
        self._show = show
        self._children: set[int] = set()
        self._stopped = False
        self._lock = Lock()

    def start(self, position: int, command: Command, log: Path) -> None:
        """Run the stage's shells one after the other in a thread; `log` gets every byte."""
        Thread(target=self._run, args=(position, command, log), daemon=True).start()

    def stop(self, signum: int, *, kill: bool) -> None:
        """Pass a signal on to every running command, and start no more.

        Parameters
        ----------
        kill
            End them and all that they have started, whatever they are doing.
        """
        with self._lock:
            self._stopped = True
            children = list(self._children)
        if kill:
            _kill_all(children)
        elif not (signum == signal.SIGINT and _is_in_foreground()):
            for pid in children:
                with suppress(ProcessLookupError):
                    os.kill(pid, signum)

    def _run(self, position: int, command: Command, log: Path) -> None:
        start = time.monotonic()
        failed, code = "", 0
        try:
            with _LogFile(log) as file:
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
        pipe, end = os.pipe()
        with open(pipe, "rb", buffering=0) as output:  # noqa: PTH123  a file descriptor
            try:
                child = self._spawn(command, argv, end)
            finally:
                os.close(end)
            if child is None:
                return -signal.SIGINT
            try:
                self._read(position, output.fileno(), write)
                return child.wait()
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

    def _read(self, position: int, pipe: int, write: Callable[[bytes], object]) -> None:
        rest = b""
        while chunk := os.read(pipe, CHUNK):
            write(chunk)
            *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
            for line in lines:
                self._show(position, line.decode(errors="replace"))
        if rest:
            self._show(position, rest.decode(errors="replace"))


class _LogFile(ExitStack):
    """A file that is there once something is written; what an earlier run left goes first."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: FileIO | None = None
        path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        if self._file is None:
            self._file = self.enter_context(FileIO(self._path, "w"))
        self._file.write(chunk)


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


def _kill_all(pids: list[int]) -> None:
    import psutil  # noqa: PLC0415  for the second Ctrl-C only

    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            child = psutil.Process(pid)
            for process in (child, *child.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
