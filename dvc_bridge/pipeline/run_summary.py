"""The outcomes of the stages of a local run, and its last line in the terminal."""

from __future__ import annotations

from dataclasses import dataclass, field

from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.outcome import Outcome


@dataclass
class Summary:
    """The outcomes of the stages of a run, by address.

    Parameters
    ----------
    errors
        Address -> the error of a stage that failed.
    interrupted
        The signal that ended the run early; 0 if none did.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    errors: dict[str, BridgeError] = field(default_factory=dict)
    interrupted: int = 0
    seconds: float = 0.0

    def of(self, outcome: Outcome) -> list[str]:
        """Return the stages with this outcome, in the order in which they ended."""
        return [address for address, actual in self.outcomes.items() if actual is outcome]

    def __str__(self) -> str:
        counts = [f"{len(self.of(o))} {o.text}" for o in Outcome if self.of(o)]
        return f"{', '.join(counts) or 'nothing to do'} ({self.seconds:.1f} s)"
