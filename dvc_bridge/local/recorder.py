"""What a run asks and tells of its stages, wherever it is carried out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import Stage


class Recorder(Protocol):
    """Knows what has become of stages, and records what becomes of them."""

    def settle(self, place: int, stage: Stage, *, force: bool) -> Outcome | None:
        """Do all that can be done without the stage's command; None: it must run."""

    def record(self, place: int, stage: Stage, *, finish: bool) -> object:
        """Record what the stage's command has left."""

    def forget(self, place: int) -> None:
        """The stage has failed: nothing of it is recorded."""

    def publish(self) -> None:
        """Write what has been recorded where commands and other processes see it."""

    def publish_due_s(self) -> float | None:
        """Say in how many seconds that should be done; None: there is nothing to write."""

    @property
    def unpublished(self) -> Collection[int]:
        """The places that are recorded, and not written."""

    def close(self) -> None:
        """Write all that is left."""
