"""The interface between the runner and what records the outcome of stages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import Stage


class Recorder(Protocol):
    """Determines and records the outcome of stages.

    Methods identify a stage by its index in the run.
    """

    def settle(self, index: RunIndex, stage: Stage, *, force: bool) -> Outcome | None:
        """Do everything that does not need the stage's command; None: the command must run."""

    def record(self, index: RunIndex, stage: Stage, *, finish: bool) -> object:
        """Record the results of the stage's command."""

    def reason(self, index: RunIndex) -> str:
        """Return why the stage is not up to date; empty if only DVC knows."""

    def entry(self, index: RunIndex) -> LockEntry:
        """Return the recorded dvc.lock entry of the stage; empty if there is none."""

    def forget(self, index: RunIndex) -> None:
        """Record nothing for the stage, because it has failed."""

    def publish(self) -> None:
        """Write the recorded entries to dvc.lock, where commands and other processes see them."""

    def publish_due_s(self) -> float | None:
        """Return in how many seconds `publish` is due; None: there is nothing to write."""

    @property
    def unpublished(self) -> Collection[RunIndex]:
        """The indexes of the stages that are recorded but not yet written to dvc.lock."""

    def close(self) -> None:
        """Write everything that is left."""
