"""What became of the stages of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dvc_bridge.errors import BridgeError


class Outcome(Enum):
    """How a stage's turn ended."""

    RAN = "ran"
    RESTORED = "from the run cache"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass
class Summary:
    """What became of the stages of a run, by address.

    Parameters
    ----------
    errors
        Why those that failed did.
    interrupted
        The signal that ended the run before its time; 0 if none did.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    errors: dict[str, BridgeError] = field(default_factory=dict)
    interrupted: int = 0
    seconds: float = 0.0

    def of(self, outcome: Outcome) -> list[str]:
        """Return the stages whose turn ended so, in the order in which they did."""
        return [address for address, found in self.outcomes.items() if found is outcome]

    def __str__(self) -> str:
        counts = [f"{len(self.of(o))} {o.value}" for o in Outcome if self.of(o)]
        return f"{', '.join(counts) or 'nothing to do'} ({self.seconds:.1f} s)"
