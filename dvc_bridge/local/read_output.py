"""The output of a command: every byte goes to its log file, every line to the view."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from threading import Thread

from dvc_bridge.local.usage import MeasuredChild

CHUNK = 1 << 16
# How often to check whether a command that prints nothing has ended, if the kernel does not say.
LOOK_MS = 500
# A pipe holds at most this many times CHUNK (1 MiB, /proc/sys/fs/pipe-max-size).
PIPE_CHUNKS = 16


class Output:
    """The pipe of one command.

    Parameters
    ----------
    show
        Receives each line.
    passing
        Receives the current text of a line that has not ended.
    write
        Receives every byte.
    """

    def __init__(
        self,
        show: Callable[[str], object],
        passing: Callable[[str], object],
        write: Callable[[bytes], object],
    ) -> None:
        self._pipe, self.end = os.pipe()
        self._show, self._passing, self._write = show, passing, write
        self._rest = b""

    def close_end(self) -> None:
        """Close this process's copy of the write end, which the command uses."""
        os.close(self.end)

    def drop(self) -> None:
        """Close the read end, because the command did not start."""
        os.close(self._pipe)

    def read(self, child: MeasuredChild) -> None:
        """Read until the command has ended and all of its output is read.

        A process that the command left behind may still hold the pipe. As with `dvc repro`, the
        stage does not wait for that process; its output is shown until the run ends.
        """
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        chunks = PIPE_CHUNKS
        with child.registered(poll):
            while chunks:
                ended = child.poll()
                readable = {file for file, _ in poll.poll(0 if ended else LOOK_MS)}
                if self._pipe in readable:
                    if not self._take(self._write):
                        os.close(self._pipe)
                        return
                    chunks -= ended
                elif ended:
                    break
        self._flush()
        Thread(target=self._read_rest, daemon=True).start()

    def _read_rest(self) -> None:
        while self._take(lambda _: None):
            pass
        os.close(self._pipe)

    def _take(self, write: Callable[[bytes], object]) -> bool:
        chunk = os.read(self._pipe, CHUNK)
        if not chunk:
            self._flush()
            return False
        write(chunk)
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._show(_visible_text(line).decode(errors="replace"))
        # A progress bar may run for hours without an end of line.
        self._rest = _visible_text(rest) + (b"\r" if rest.endswith(b"\r") else b"")
        if b"\r" in rest:
            self._passing(_visible_text(rest).decode(errors="replace"))
        if len(self._rest) > CHUNK:
            self._flush()
        return True

    def _flush(self) -> None:
        if self._rest:
            self._show(_visible_text(self._rest).decode(errors="replace"))
            self._rest = b""


def _visible_text(line: bytes) -> bytes:
    """Return what a terminal shows of a line, without the text that a progress bar overwrote."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


class LogFile(ExitStack):
    """A file that is created by the first write; the file of an earlier run is removed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: FileIO | None = None
        path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append the bytes; if this fails, they are only shown, and the command continues."""
        with suppress(OSError):
            if self._file is None:
                self._file = self.enter_context(FileIO(self._path, "w"))
            self._file.write(chunk)
