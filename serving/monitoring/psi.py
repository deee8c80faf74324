"""Rows counted in the bins of a reference, and the population stability index of two counts.

PSI = sum over bins of (p - q) ln(p / q). By the custom of credit scoring, where it comes from,
below 0.1 is no change and above 0.25 is a change to act on. Half a row is added to every bin, so an
empty one gives a finite number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from flows.stages.columns import CATEGORIES, NUMBERS
from flows.stages.histograms import largest
from serving.model.metadata import Reference

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PROBABILITY = "probability"
COLUMNS = (*CATEGORIES, *NUMBERS, PROBABILITY)
# Codes beyond the most frequent ones share a bin: many rare codes would look like drift by chance.
_CODES = 9
_BINS = 10
_MISSING, _UNSEEN, _WIDTH = _BINS, _BINS + 1, _BINS + 2


class Grid:
    """The bins of every column.

    A count is an int64 array of shape (len(COLUMNS), 12): ten bins, rows missing, rows with a code
    that the reference has not (they are in the last bin too).
    """

    def __init__(self, reference: Mapping[str, Reference]) -> None:
        self.reference = np.zeros((len(COLUMNS), _WIDTH), np.int64)
        self.used = np.zeros((len(COLUMNS), _BINS), np.bool_)
        self._codes: list[dict[str, int]] = []
        self._last: list[int] = []
        # A bin's number is the number of edges below the value; an edge at infinity counts never.
        self._edges = np.full((_BINS - 1, len(NUMBERS) + 1, 1), np.inf, np.float32)
        for at, name in enumerate(COLUMNS):
            counts, edges = reference[name].counts, reference[name].edges or []
            self.reference[at, _MISSING] = reference[name].empty
            if isinstance(counts, dict):
                bins = {code: i for i, code in enumerate(largest(counts, _CODES))}
                self._codes.append({code: bins.get(code, len(bins)) for code in counts})
                for code, rows in counts.items():
                    self.reference[at, self._codes[-1][code]] += rows
                self._last.append(len(bins))
                self.used[at, : len(bins) + 1] = True
            else:
                self._edges[: len(edges), at - len(CATEGORIES), 0] = edges
                self.reference[at, : len(counts)] = counts
                self.used[at, : len(counts)] = True

    def nothing(self) -> Counts:
        """Give the count of no rows."""
        return np.zeros_like(self.reference)

    def count(
        self,
        codes: npt.NDArray[np.object_],
        numbers: npt.NDArray[np.float32],
        probabilities: Floats,
    ) -> Counts:
        """Count rows: codes (n, 3) with None, numbers (n, 32) with NaN, probabilities (n,)."""
        found = self.nothing()
        for at, (column, bins) in enumerate(zip(codes.T, self._codes, strict=True)):
            counts = [0] * _WIDTH
            for code, rows in Counter(column.tolist()).items():
                if code is None:
                    counts[_MISSING] += rows
                    continue
                counts[bins.get(code, self._last[at])] += rows
                counts[_UNSEEN] += 0 if code in bins else rows
            found[at] = counts
        # A row a column: the edges are then compared with many values at once.
        values = np.empty((len(NUMBERS) + 1, len(probabilities)), np.float32)
        values[:-1], values[-1] = numbers.T, probabilities
        below = np.zeros(values.shape, np.int8)
        for edges in self._edges:
            below += values > edges
        below[np.isnan(values)] = _MISSING
        bin_of = below + np.arange(len(values))[:, None] * _WIDTH
        counted = np.bincount(bin_of.ravel(), minlength=len(values) * _WIDTH)
        found[len(CATEGORIES) :] = counted.reshape(-1, _WIDTH)
        return found

    def psi(self, current: Counts) -> Floats:
        """Give the index of every column, shape (len(COLUMNS),); 0 where either has no rows."""
        p, q = (self._shares(counts) for counts in (self.reference, current))
        index: Floats = np.sum((q - p) * np.log(q / p), axis=1, where=self.used)
        filled = [counts[:, :_BINS].any(axis=1) for counts in (self.reference, current)]
        return np.where(filled[0] & filled[1], index, 0.0)

    def _shares(self, counts: Counts) -> Floats:
        smoothed = np.where(self.used, counts[:, :_BINS] + 0.5, 1.0)
        total = np.sum(smoothed, axis=1, where=self.used, keepdims=True)
        shares: Floats = smoothed / total
        return shares


def missing(counts: Counts) -> Counts:
    """Give the rows in which each column is missing."""
    return counts[:, _MISSING]


def unseen(counts: Counts) -> Counts:
    """Give the rows in which each column holds a code that the reference has not."""
    return counts[:, _UNSEEN]
