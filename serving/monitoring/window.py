"""The rows that the server predicted most recently, counted in the bins of the reference.

The window keeps batches and counts them in blocks: counting each request would cost more than the
prediction.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from flows.features.arrays import Float32s
from serving.model.arrays import Codes
from serving.model.metadata import ModelMetadata
from serving.model.model import Floats
from serving.monitoring.psi import COLUMNS, Bins, Counts, missing_rows, unseen_rows

_BLOCK_ROWS = 500


class ColumnDrift(NamedTuple):
    """A column over the window: its index, and the shares of rows missing and with unseen codes."""

    psi: float
    missing: float
    unseen: float


class Window:
    """About the last `max_rows` rows: the window drops the oldest rows in blocks."""

    def __init__(self, metadata: ModelMetadata, max_rows: int) -> None:
        self.max_rows, self.rows = max_rows, 0
        self._bins = Bins(metadata.reference)
        self._pending: list[tuple[Codes, Float32s, Floats]] = []
        self._pending_rows = 0
        self._blocks: deque[tuple[int, Counts]] = deque()
        self._total = self._bins.zeros()

    def add(self, codes: Codes, numbers: Float32s, probabilities: Floats) -> None:
        """Add a batch, to be counted later."""
        self._pending.append((codes, numbers, probabilities))
        self._pending_rows += len(probabilities)

    @property
    def is_due(self) -> bool:
        """Whether enough rows are pending for a block."""
        return self._pending_rows >= _BLOCK_ROWS

    def count_pending(self) -> tuple[Floats, Counts]:
        """Count the pending rows; return their probabilities and their counts."""
        if not self._pending:
            return np.zeros(0), self._bins.zeros()
        codes, numbers, probabilities = self._pending[0]
        if len(self._pending) > 1:
            codes, numbers, probabilities = map(np.concatenate, zip(*self._pending, strict=True))
        self._pending, self._pending_rows = [], 0
        counts = self._bins.count(codes, numbers, probabilities)
        self._blocks.append((len(probabilities), counts))
        self.rows += len(probabilities)
        self._total += counts
        while len(self._blocks) > 1 and self.rows - self._blocks[0][0] >= self.max_rows:
            rows, oldest = self._blocks.popleft()
            self.rows -= rows
            self._total -= oldest
        return probabilities, counts

    def drift(self) -> dict[str, ColumnDrift]:
        """Compare the counted rows with the reference, column by column."""
        n = max(self.rows, 1)
        shares = (missing_rows(self._total) / n, unseen_rows(self._total) / n)
        by_column = zip(self._bins.psi(self._total), *shares, strict=True)
        return {
            name: ColumnDrift(*map(float, values))
            for name, values in zip(COLUMNS, by_column, strict=True)
        }
