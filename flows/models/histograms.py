"""Histograms of columns, by deciles or by code: the reference for the measurement of drift.

Values and edges are compared as float32, so that a value equal to an edge falls into the same bin
in the pipeline and in the server. Needs numpy only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np

from flows.features.arrays import Float32s, Ints


class Numbers(TypedDict):
    """Bin i counts values above edge i-1 up to edge i, inclusive; the last bin, those above all."""

    edges: list[float]
    counts: list[int]
    empty: int


class Codes(TypedDict):
    """The number of rows by code, and of empty rows."""

    counts: dict[str, int]
    empty: int


def number_histogram(values: Float32s) -> Numbers:
    """Count values by decile; there are fewer bins if one value fills more than a tenth."""
    present = values[~np.isnan(values)]
    edges = np.zeros(0, np.float32)
    if len(present):
        edges = np.unique(np.quantile(present, np.linspace(0.1, 0.9, 9), method="lower"))
    counts = bin_counts(edges, values)
    # The shortest text that parses to the same float32.
    shortest = [float(str(edge)) for edge in edges.astype(np.float32)]
    return {"edges": shortest, "counts": counts[:-1].tolist(), "empty": int(counts[-1])}


def bin_counts(edges: Float32s, values: Float32s) -> Ints:
    """Count the values by bin, and at the end those that are NaN; shape (n_edges + 2,)."""
    bins = np.searchsorted(edges, values, side="left")
    bins[np.isnan(values)] = len(edges) + 1
    counts: Ints = np.bincount(bins, minlength=len(edges) + 2)
    return counts


def code_histogram(values: Iterable[str | None]) -> Codes:
    """Count the rows by code, in the order of the codes."""
    counter = Counter(values)
    empty = counter.pop(None, 0)
    counts = {str(code): counter[code] for code in sorted(map(str, counter))}
    return {"counts": counts, "empty": empty}


def edges_of(histogram: Numbers) -> Float32s:
    """Return the edges as float32."""
    return np.array(histogram["edges"], np.float32)


def largest_codes(counts: dict[str, int], n: int) -> Sequence[str]:
    """Return the `n` codes with the most rows."""
    return sorted(counts, key=lambda code: (-counts[code], code))[:n]
