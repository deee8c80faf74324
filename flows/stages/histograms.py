"""Histograms of columns, by tenths or by code: what drift is measured against.

Numbers are compared as float32 with edges that are float32, so a value equal to an edge falls into
the same bin in the pipeline and in the server. Needs numpy alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]


class Numbers(TypedDict):
    """Bin i counts values above edge i-1, up to and with edge i; the last those above all."""

    edges: list[float]
    counts: list[int]
    empty: int


class Codes(TypedDict):
    """Rows by code."""

    counts: dict[str, int]
    empty: int


def number_histogram(values: Float32s) -> Numbers:
    """Cut the values into tenths; fewer bins where one value fills more than a tenth."""
    present = values[~np.isnan(values)]
    edges = np.zeros(0, np.float32)
    if len(present):
        edges = np.unique(np.quantile(present, np.linspace(0.1, 0.9, 9), method="lower"))
    counts = bin_counts(edges, values)
    # The shortest text that gives the same float32.
    shortest = [float(str(edge)) for edge in edges.astype(np.float32)]
    return {"edges": shortest, "counts": counts[:-1].tolist(), "empty": int(counts[-1])}


def bin_counts(edges: Float32s, values: Float32s) -> Counts:
    """Count the values by bin, and at the end those that are NaN; shape (n_edges + 2,)."""
    at = np.searchsorted(edges, values, side="left")
    at[np.isnan(values)] = len(edges) + 1
    counts: Counts = np.bincount(at, minlength=len(edges) + 2)
    return counts


def code_histogram(values: Iterable[str | None]) -> Codes:
    """Count the rows by code, in the order of the codes."""
    found = Counter(values)
    empty = found.pop(None, 0)
    return {"counts": {str(code): found[code] for code in sorted(map(str, found))}, "empty": empty}


def edges_of(histogram: Numbers) -> Float32s:
    """Give the edges as they are compared."""
    return np.array(histogram["edges"], np.float32)


def largest(counts: dict[str, int], n: int) -> Sequence[str]:
    """Give the `n` codes with the most rows."""
    return sorted(counts, key=lambda code: (-counts[code], code))[:n]
