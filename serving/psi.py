"""The population stability index between a reference and what came later.

PSI = sum over bins of (p - q) ln(p / q). By the custom of credit scoring, where it comes from,
below 0.1 is no change and above 0.25 is a change to act on. Half a row is added to every bin, so an
empty one gives a finite number.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from flows.stages.histograms import bin_counts, largest

from .description import Reference

Counts = npt.NDArray[np.int64]

# Codes beyond the most frequent ones share a bin: many rare codes would look like drift by chance.
_CODES = 9


class Counted(NamedTuple):
    """Rows of a column: by bin, those that are missing, and those whose code was never seen."""

    bins: Counts
    missing: int
    unseen: int

    def plus(self, other: Counted) -> Counted:
        """Add counts of the same column."""
        return Counted(
            self.bins + other.bins, self.missing + other.missing, self.unseen + other.unseen
        )


class Bins:
    """The bins of one column of the reference."""

    def __init__(self, reference: Reference) -> None:
        counts = reference.counts
        self.edges: npt.NDArray[np.float32] | None = None
        if isinstance(counts, dict):
            often = largest(counts, _CODES)
            self._at = {code: len(often) for code in counts}
            self._at |= {code: at for at, code in enumerate(often)}
            self.size = len(often) + 1
            rare = sum(counts.values()) - sum(counts[code] for code in often)
            bins = np.array([*(counts[code] for code in often), rare], np.int64)
        else:
            self.edges = np.array(reference.edges, np.float32)
            self.size = len(self.edges) + 1
            bins = np.array(counts, np.int64)
        self.reference = Counted(bins, reference.empty, 0)

    def count(self, values: Iterable[object]) -> Counted:
        """Count the values: an array of numbers with NaN, or codes with None."""
        if self.edges is not None:
            counts = bin_counts(self.edges, np.asarray(values, np.float32))
            return Counted(counts[:-1], int(counts[-1]), 0)
        found = [None if code is None else self._at.get(str(code), self.size) for code in values]
        known = [at for at in found if at is not None]
        counts = np.bincount(known, minlength=self.size + 1)
        # A code never seen is counted among the rare ones too.
        bins = counts[:-1].copy()
        bins[-1] += counts[-1]
        return Counted(bins, len(found) - len(known), int(counts[-1]))

    def nothing(self) -> Counted:
        """Give the count of no rows."""
        return Counted(np.zeros(self.size, np.int64), 0, 0)


def psi(reference: Counts, current: Counts) -> float:
    """Give the index; 0 where either has no rows."""
    if not reference.sum() or not current.sum():
        return 0.0
    p, q = ((c + 0.5) / (c.sum() + 0.5 * len(c)) for c in (reference, current))
    return float(np.sum((q - p) * np.log(q / p)))
