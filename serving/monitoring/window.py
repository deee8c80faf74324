"""What was served lately, counted in the reference's bins.

Batches are kept as they come and counted in blocks: counting each request would cost more than the
prediction.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from flows.stages.known import Float32s
from serving.model.metadata import Description
from serving.model.model import Codes, Floats
from serving.monitoring.psi import COLUMNS, Counts, Grid, missing, unseen

_BLOCK_ROWS = 500


class Drift(NamedTuple):
    """A column over the window: its index, and the shares of rows missing and never seen."""

    psi: float
    missing: float
    unseen: float


class Window:
    """The last `max_rows` rows or so: the oldest are dropped in blocks."""

    def __init__(self, description: Description, max_rows: int) -> None:
        self.max_rows, self.rows = max_rows, 0
        self._grid = Grid(description.reference)
        self._pending: list[tuple[Codes, Float32s, Floats]] = []
        self._pending_rows = 0
        self._blocks: deque[tuple[int, Counts]] = deque()
        self._total = self._grid.nothing()

    def add(self, codes: Codes, numbers: Float32s, probabilities: Floats) -> None:
        """Take in a batch."""
        self._pending.append((codes, numbers, probabilities))
        self._pending_rows += len(probabilities)

    @property
    def is_due(self) -> bool:
        """Whether enough rows wait to be counted."""
        return self._pending_rows >= _BLOCK_ROWS

    def fold(self) -> tuple[Floats, Counts]:
        """Count the rows that wait; give their probabilities and their counts."""
        if not self._pending:
            return np.zeros(0), self._grid.nothing()
        codes, numbers, probabilities = self._pending[0]
        if len(self._pending) > 1:
            codes, numbers, probabilities = map(np.concatenate, zip(*self._pending, strict=True))
        self._pending, self._pending_rows = [], 0
        counted = self._grid.count(codes, numbers, probabilities)
        self._blocks.append((len(probabilities), counted))
        self.rows += len(probabilities)
        self._total += counted
        while len(self._blocks) > 1 and self.rows - self._blocks[0][0] >= self.max_rows:
            rows, oldest = self._blocks.popleft()
            self.rows -= rows
            self._total -= oldest
        return probabilities, counted

    def drift(self) -> dict[str, Drift]:
        """Compare the window with the reference, column by column; fold first."""
        n = max(self.rows, 1)
        shares = (missing(self._total) / n, unseen(self._total) / n)
        by_column = zip(self._grid.psi(self._total), *shares, strict=True)
        return {
            name: Drift(*map(float, values))
            for name, values in zip(COLUMNS, by_column, strict=True)
        }
