"""What a command prints: every byte to its log file, every line to the view."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from threading import Thread

CHUNK = 1 << 16
# How often a silent command's pipe is left alone to see whether the command has ended.
LOOK_MS = 500
# No pipe holds more than these times CHUNK (a mebibyte, /proc/sys/fs/pipe-max-size).
PIPE_CHUNKS = 16


class Output:
    """The pipe of one command.

    Parameters
    ----------
    show
        Is given each line.
    passing
        Is given what a line without an end shows at the moment.
    write
        Is given every byte.
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
        """Close this process's copy of the end that the command writes to."""
        os.close(self.end)

    def drop(self) -> None:
        """Close what is read from: there is no command."""
        os.close(self._pipe)

    def read(self, has_ended: Callable[[], bool]) -> None:
        """Read until the command has ended and all that it has printed is read.

        A process that it left behind may still hold the pipe. Nobody waits for that, as with
        `dvc repro`; what it prints is shown as long as the run goes on.
        """
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        chunks = PIPE_CHUNKS
        while chunks:
            ended = has_ended()
            if poll.poll(0 if ended else LOOK_MS):
                if not self._take(self._write):
                    os.close(self._pipe)
                    return
                chunks -= ended
            elif ended:
                break
        self._flush()
        Thread(target=self._read_on, daemon=True).start()

    def _read_on(self) -> None:
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
            self._show(_seen(line).decode(errors="replace"))
        # A bar may go on for hours without an end of line.
        self._rest = _seen(rest) + (b"\r" if rest.endswith(b"\r") else b"")
        if b"\r" in rest:
            self._passing(_seen(rest).decode(errors="replace"))
        if len(self._rest) > CHUNK:
            self._flush()
        return True

    def _flush(self) -> None:
        if self._rest:
            self._show(_seen(self._rest).decode(errors="replace"))
            self._rest = b""


def _seen(line: bytes) -> bytes:
    """Return what a terminal shows of a line: what a progress bar has written over is gone."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


class LogFile(ExitStack):
    """A file that is there once something is written; what an earlier run left goes first."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file: FileIO | None = None
        path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Add the bytes; where that cannot be done they are shown only, and the command goes on."""
        with suppress(OSError):
            if self._file is None:
                self._file = self.enter_context(FileIO(self._path, "w"))
            self._file.write(chunk)
