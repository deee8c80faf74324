"""The view of a run: its interface, and plain lines; `ui.live` has the live view."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Protocol, TextIO

from dvc_bridge.pipeline.outcome import Outcome


class View(Protocol):
    """Receives every event of a run; any thread may call `line` and `passing`.

    Methods identify a stage by its index in the run.
    """

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[int]],
    ) -> Iterator[None]:
        """Show the run while the context is open.

        Parameters
        ----------
        names
            The addresses of the stages, by index.
        seconds
            How long the commands of some stages took earlier.
        followers
            For each stage, the indexes of the stages that wait for it.
        """

    def started(self, index: int) -> None:
        """Show that the stage's command runs."""

    def line(self, index: int, text: str) -> None:
        """Show a line that the stage printed."""

    def passing(self, index: int, text: str) -> None:
        """Show a line that the stage will overwrite, such as a progress bar."""

    def ended(self, index: int, outcome: Outcome) -> None:
        """Show the outcome of the stage."""

    def note(self, text: str) -> None:
        """Show a message about the run as a whole."""


class PlainView:
    """One line per event, suitable for log files; unchanged stages are not shown."""

    def __init__(self) -> None:
        self._out = standard_output()
        self._names: Sequence[str] = ()
        self._started_at: dict[int, float] = {}
        self._lock = Lock()

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[int]],
    ) -> Iterator[None]:
        """Store the names."""
        del seconds, followers
        self._names = names
        yield

    def started(self, index: int) -> None:
        """Print that the stage runs."""
        self._started_at[index] = time.monotonic()
        self._print(f"{self._names[index]}: running")

    def line(self, index: int, text: str) -> None:
        """Print a line, prefixed with the name of the stage."""
        self._print(f"{self._names[index]} | {text}")

    def passing(self, index: int, text: str) -> None:
        """Ignore the text: the stage prints the complete line later."""

    def ended(self, index: int, outcome: Outcome) -> None:
        """Print the outcome, unless the stage is unchanged."""
        if outcome is Outcome.UNCHANGED:
            return
        started_at = self._started_at.pop(index, None)
        took = f" ({time.monotonic() - started_at:.1f} s)" if started_at is not None else ""
        self._print(f"{self._names[index]}: {outcome.value}{took}")

    def note(self, text: str) -> None:
        """Print a message about the run."""
        self._print(f"dvc-bridge: {text}")

    def _print(self, text: str) -> None:
        with self._lock:
            try:
                print(text, file=self._out, flush=True)
            except BrokenPipeError:
                print_nowhere()


def standard_output() -> TextIO:
    """Return sys.stdout without the wrapper that DVC's import adds.

    The wrapper, colorama, removes the colors of commands, and fails if one sets the title of the
    terminal.
    """
    colorama = sys.modules.get("colorama.initialise")
    if colorama is not None and sys.stdout is getattr(colorama, "wrapped_stdout", None):
        original: TextIO = colorama.orig_stdout
        return original
    return sys.stdout


def print_nowhere() -> None:
    """Discard all further output: the process that read it has ended, as with `| head`.

    Neither a run nor its exit code may depend on a reader.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
