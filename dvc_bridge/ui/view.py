"""What shows a run: the interface of `plain_view` and `live_view`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from dvc_bridge.pipeline.numbering import Row
from dvc_bridge.pipeline.outcome import Outcome


class View(Protocol):
    """Receives every event of a run; any thread may call `line` and `passing`.

    A row is a stage, by its index in a local run, or a task, by its number in a remote run.
    """

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[Row]],
        run: str = "",
    ) -> Iterator[None]:
        """Show the run while the context is open.

        Parameters
        ----------
        names
            The names of the rows.
        seconds
            How long the commands of some stages took earlier.
        followers
            For each row, the rows that wait for it.
        run
            The name of the run; empty if it has none.
        """

    def started(self, row: Row, command: Sequence[str] = (), why: str = "") -> None:
        """Show that the row has started, the lines of the stage's command, and why it runs."""

    def line(self, row: Row, text: str) -> None:
        """Show a line that the stage printed."""

    def passing(self, row: Row, text: str) -> None:
        """Show a line that the stage will overwrite, such as a progress bar."""

    def ended(self, row: Row, outcome: Outcome, why: str = "") -> None:
        """Show the outcome of the stage, and the reason for it."""

    def note(self, text: str) -> None:
        """Show a message about the run as a whole."""

    def fetching(self, done: int, total: int) -> None:
        """Show how many bytes of a download have arrived; at its end, both numbers are equal."""
