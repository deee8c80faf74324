"""What was served lately, counted in the reference's bins.

Batches are kept as they come and counted in blocks: counting each request would cost more than the
prediction.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from flows.stages.columns import CATEGORIES, NUMBERS
from flows.stages.known import Float32s

from .description import Description
from .model import Codes, Floats
from .psi import Bins, Counted, psi

_BLOCK_ROWS = 500
PROBABILITY = "probability"


class Drift(NamedTuple):
    """A column over the window: its index, and the shares of rows missing and never seen."""

    psi: float
    missing: float
    unseen: float


class Window:
    """The last `max_rows` rows or so: the oldest are dropped in blocks."""

    def __init__(self, description: Description, max_rows: int) -> None:
        self.max_rows = max_rows
        self._bins = {name: Bins(ref) for name, ref in description.reference.items()}
        self._pending: list[tuple[Codes, Float32s, Floats]] = []
        self._pending_rows = 0
        self._blocks: deque[tuple[int, dict[str, Counted]]] = deque()
        self.rows = 0

    def add(self, codes: Codes, numbers: Float32s, probabilities: Floats) -> None:
        """Take in a batch."""
        self._pending.append((codes, numbers, probabilities))
        self._pending_rows += len(probabilities)

    @property
    def is_due(self) -> bool:
        """Whether enough rows wait to be counted."""
        return self._pending_rows >= _BLOCK_ROWS

    def fold(self) -> dict[str, Counted]:
        """Count the rows that wait; give their counts by column."""
        if not self._pending:
            return {}
        codes, numbers, probabilities = (
            np.concatenate([batch[part] for batch in self._pending]) for part in range(3)
        )
        columns = dict(zip(CATEGORIES, codes.T, strict=True))
        columns |= dict(zip(NUMBERS, numbers.T, strict=True))
        columns[PROBABILITY] = probabilities.astype(np.float32)
        counted = {name: bins.count(columns[name]) for name, bins in self._bins.items()}
        n = len(probabilities)
        self._pending, self._pending_rows = [], 0
        self._blocks.append((n, counted))
        self.rows += n
        while len(self._blocks) > 1 and self.rows - self._blocks[0][0] >= self.max_rows:
            self.rows -= self._blocks.popleft()[0]
        return counted

    def drift(self) -> dict[str, Drift]:
        """Compare the window with the reference, column by column; fold first."""
        found = {}
        for name, bins in self._bins.items():
            total = bins.nothing()
            for _, counted in self._blocks:
                total = total.plus(counted[name])
            n = max(self.rows, 1)
            index = psi(bins.reference.bins, total.bins)
            found[name] = Drift(index, total.missing / n, total.unseen / n)
        return found
