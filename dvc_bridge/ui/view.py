"""What shows a run: the interface of `plain_view` and `live_view`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

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
