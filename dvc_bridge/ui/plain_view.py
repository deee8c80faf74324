"""The view of a run as plain lines: what stages print, with the name of the stage in front."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock

from dvc_bridge.pipeline.numbering import Row
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.ui.byte_text import progress_text
from dvc_bridge.ui.standard_output import print_nowhere, standard_output
from dvc_bridge.ui.visible_text import visible

# How often a line tells the progress of a download.
FETCHING_S = 5.0


class PlainView:
    """One line per event, suitable for log files.

    Parameters
    ----------
    every
        Whether to show stages too that are unchanged.
    """

    def __init__(self, *, every: bool = False) -> None:
        self._every = every
        self._out = standard_output()
        self._names: Sequence[str] = ()
        self._started_at: dict[Row, float] = {}
        self._fetching_at = time.monotonic()
        self._lock = Lock()

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[Row]],
        run: str = "",
    ) -> Iterator[None]:
        """Store the names."""
        del seconds, followers, run
        self._names = [visible(name) for name in names]
        yield

    def started(self, row: Row, command: Sequence[str] = (), why: str = "") -> None:
        """Print that the stage runs, and its command."""
        del why
        self._started_at[row] = time.monotonic()
        lines = (f"\n{self._names[row]} > {line}" for line in command)
        self._print(f"{self._names[row]}: running{''.join(lines)}")

    def line(self, row: Row, text: str) -> None:
        """Print a line, prefixed with the name of the stage."""
        self._print(f"{self._names[row]} | {text}")

    def passing(self, row: Row, text: str) -> None:
        """Ignore the text: the stage prints the complete line later."""

    def ended(self, row: Row, outcome: Outcome, why: str = "") -> None:
        """Print the outcome, unless the stage is unchanged."""
        del why  # the lines of the stage say it
        if outcome is Outcome.UNCHANGED and not self._every:
            return
        started_at = self._started_at.pop(row, None)
        took = f" ({time.monotonic() - started_at:.1f} s)" if started_at is not None else ""
        self._print(f"{self._names[row]}: {outcome.text}{took}")

    def note(self, text: str) -> None:
        """Print a message about the run."""
        self._print(f"dvc-bridge: {text}")

    def fetching(self, done: int, total: int) -> None:
        """Print the progress of a download now and then, and its end."""
        now = time.monotonic()
        if done == total or now - self._fetching_at > FETCHING_S:
            self._fetching_at = now
            self.note(f"downloaded {progress_text(done, total)}")

    def _print(self, text: str) -> None:
        with self._lock:
            try:
                print(text, file=self._out, flush=True)
            except BrokenPipeError:
                print_nowhere()
