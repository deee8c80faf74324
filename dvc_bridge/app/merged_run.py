"""What was merged of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.pipeline.result import Result
from dvc_bridge.remote_run.merge import Merged


@dataclass(frozen=True)
class MergedRun:
    """The merged results of a run.

    Parameters
    ----------
    results
        The results that were available, by address.
    expected
        The stages that the run executes; None: unknown.
    """

    merged: Merged
    results: Mapping[str, Result]
    expected: Sequence[str] | None

    @property
    def is_whole(self) -> bool:
        """Whether all results are available."""
        return self.expected is not None and all(a in self.results for a in self.expected)
