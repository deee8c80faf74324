"""The view of a run with `--quiet`: only what the commands of stages print."""

from __future__ import annotations

from collections.abc import Sequence

from dvc_bridge.pipeline.numbering import Row
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.ui.plain_view import PlainView


class QuietView(PlainView):
    """Prints lines of commands as `PlainView` does, and nothing about stages and the run."""

    def started(self, row: Row, command: Sequence[str] = (), why: str = "") -> None:
        """Print nothing."""

    def ended(self, row: Row, outcome: Outcome, why: str = "") -> None:
        """Print nothing."""

    def note(self, text: str) -> None:
        """Print nothing."""

    def fetching(self, done: int, total: int) -> None:
        """Print nothing."""
