"""Counts rows in the bins of a reference, and computes the population stability index (PSI).

PSI = sum over bins of (p - q) ln(p / q). In credit scoring, where it comes from, a value below 0.1
means no change and a value above 0.25 a change to act on. Every bin counts half a row more than it
has, so that an empty bin has a finite index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from flows.features.columns import CATEGORIES, NUMBERS
from flows.models.histograms import largest_codes
from serving.model.metadata import ReferenceHistogram

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PROBABILITY = "probability"
COLUMNS = (*CATEGORIES, *NUMBERS, PROBABILITY)
# All codes but the most frequent ones share a bin: many rare codes would look like drift by chance.
_MAX_CODE_BINS = 9
_BINS = 10
_MISSING, _UNSEEN, _WIDTH = _BINS, _BINS + 1, _BINS + 2


class Bins:
    """The bins of every column.

    Counts are an int64 array of shape (len(COLUMNS), 12): the rows in ten bins, the rows with a
    missing value, and the rows with a code that is not in the reference (also in the last bin).
    """

    def __init__(self, reference: Mapping[str, ReferenceHistogram]) -> None:
        self.reference = np.zeros((len(COLUMNS), _WIDTH), np.int64)
        self.used = np.zeros((len(COLUMNS), _BINS), np.bool_)
        self._codes: list[dict[str, int]] = []
        self._last_bins: list[int] = []
        # The bin of a value is the number of edges below it; an edge at infinity never counts.
        self._edges = np.full((_BINS - 1, len(NUMBERS) + 1, 1), np.inf, np.float32)
        for index, name in enumerate(COLUMNS):
            counts, edges = reference[name].counts, reference[name].edges or []
            self.reference[index, _MISSING] = reference[name].empty
            if isinstance(counts, dict):
                bins = {code: i for i, code in enumerate(largest_codes(counts, _MAX_CODE_BINS))}
                self._codes.append({code: bins.get(code, len(bins)) for code in counts})
                for code, rows in counts.items():
                    self.reference[index, self._codes[-1][code]] += rows
                self._last_bins.append(len(bins))
                self.used[index, : len(bins) + 1] = True
            else:
                self._edges[: len(edges), index - len(CATEGORIES), 0] = edges
                self.reference[index, : len(counts)] = counts
                self.used[index, : len(counts)] = True

    def zeros(self) -> Counts:
        """Return the counts of no rows."""
        return np.zeros_like(self.reference)

    def count(
        self,
        codes: npt.NDArray[np.object_],
        numbers: npt.NDArray[np.float32],
        probabilities: Floats,
    ) -> Counts:
        """Count rows: codes (n, 3) with None, numbers (n, 32) with NaN, probabilities (n,)."""
        total = self.zeros()
        for index, (column, bins) in enumerate(zip(codes.T, self._codes, strict=True)):
            counts = [0] * _WIDTH
            for code, rows in Counter(column.tolist()).items():
                if code is None:
                    counts[_MISSING] += rows
                    continue
                counts[bins.get(code, self._last_bins[index])] += rows
                counts[_UNSEEN] += 0 if code in bins else rows
            total[index] = counts
        # One row for each column, so that each edge is compared with many values at once.
        values = np.empty((len(NUMBERS) + 1, len(probabilities)), np.float32)
        values[:-1], values[-1] = numbers.T, probabilities
        below = np.zeros(values.shape, np.int8)
        for edges in self._edges:
            below += values > edges
        below[np.isnan(values)] = _MISSING
        bin_of = below + np.arange(len(values))[:, None] * _WIDTH
        counted = np.bincount(bin_of.ravel(), minlength=len(values) * _WIDTH)
        total[len(CATEGORIES) :] = counted.reshape(-1, _WIDTH)
        return total

    def psi(self, current: Counts) -> Floats:
        """Return the index of every column, shape (len(COLUMNS),); 0 where either has no rows."""
        p, q = (self._shares(counts) for counts in (self.reference, current))
        values: Floats = np.sum((q - p) * np.log(q / p), axis=1, where=self.used)
        nonempty = [counts[:, :_BINS].any(axis=1) for counts in (self.reference, current)]
        return np.where(nonempty[0] & nonempty[1], values, 0.0)

    def _shares(self, counts: Counts) -> Floats:
        smoothed = np.where(self.used, counts[:, :_BINS] + 0.5, 1.0)
        total = np.sum(smoothed, axis=1, where=self.used, keepdims=True)
        shares: Floats = smoothed / total
        return shares


def missing_rows(counts: Counts) -> Counts:
    """Return the number of rows in which each column is missing."""
    return counts[:, _MISSING]


def unseen_rows(counts: Counts) -> Counts:
    """Return the number of rows in which each column has a code that is not in the reference."""
    return counts[:, _UNSEEN]
