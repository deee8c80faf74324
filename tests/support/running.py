"""A run of dvc-bridge that a test observes while it runs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psutil

PATIENCE_S = 60.0
# Makes standard input the session's terminal, then becomes the command.
_LAUNCH = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv({0}, {1})"
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Running:
    """`dvc-bridge ARGS` in a session of its own.

    Parameters
    ----------
    columns
        The width of its terminal; None for a pipe instead of a terminal.
    env
        Added to its environment.
    """

    def __init__(
        self,
        root: Path,
        *args: str,
        columns: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "dvc_bridge", *args]
        if columns:
            self._end, end = pty.openpty()
            fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            launch = _LAUNCH.format(repr(sys.executable), repr(command))
            command = [sys.executable, "-c", launch]
        else:
            self._end, end = os.pipe()
        self._child = subprocess.Popen(
            command,
            cwd=root,
            env={**_without_size(os.environ), "TERM": "xterm-256color", **(env or {})},
            stdin=end if columns else subprocess.DEVNULL,
            stdout=end,
            stderr=end,
            start_new_session=True,
        )
        os.close(end)
        self.process = psutil.Process(self._child.pid)
        self._printed = b""
        self._reader = Thread(target=self._read)
        self._reader.start()

    @property
    def printed(self) -> str:
        """The output so far, without control sequences."""
        return _ESCAPE.sub("", self.raw)

    @property
    def raw(self) -> str:
        """The output so far."""
        return self._printed.decode(errors="replace").replace("\r\n", "\n")

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until `is_so` returns true, with a time limit."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            assert self._child.poll() is None, self.printed
            assert time.monotonic() < end, self.printed
            time.sleep(0.02)

    def until_there(self, mark: Path) -> list[psutil.Process]:
        """Wait for a file that a command creates; return all processes of the run."""
        self.until(mark.exists)
        return [self.process, *self.process.children(recursive=True)]

    def key(self, byte: bytes) -> None:
        """Press a key on its terminal."""
        os.write(self._end, byte)

    def ended(self) -> int:
        """Wait for its end and the rest of its output; return the exit code."""
        code = self._child.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def close(self) -> None:
        """Kill the run and release its resources, even after a failure."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._reader.join()
        os.close(self._end)

    def _read(self) -> None:
        with suppress(OSError):  # Linux raises it when the terminal's other side is closed
            while chunk := os.read(self._end, 1 << 16):
                self._printed += chunk


def _without_size(environ: Mapping[str, str]) -> dict[str, str]:
    """Remove the variables that override the size of the run's own terminal."""
    return {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
