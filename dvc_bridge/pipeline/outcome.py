"""The outcome of a stage."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """The outcome of one stage; the values are those of results in the remote."""

    RAN = "ran"
    RESTORED = "run cache"
    UNCHANGED = "up to date"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def text(self) -> str:
        """The outcome in messages."""
        return _TEXTS.get(self, self.value)


_TEXTS = {Outcome.RESTORED: "from the run cache", Outcome.UNCHANGED: "unchanged"}
