"""What was known at a time: counts and sums of the events up to it, in groups.

All sums are of whole numbers, so a later event cannot change an earlier sum in its last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Times are minutes or days since 1970 and stay below this until 2097.
SPAN = np.int64(1 << 26)


class Running(NamedTuple):
    """Events sorted by group and time, with running sums; made by `running`."""

    at: Ints
    sums: tuple[Ints, ...]

    def until(self, group: Ints, time: Ints) -> tuple[Ints, ...]:
        """Give, for each query, one sum a value over the group's events at or before `time`.

        The sums run over all groups, so only differences between two times of one group mean
        something: see `between`, or subtract `until(group, 0)`.
        """
        index = np.searchsorted(self.at, group * SPAN + time, side="right")
        return tuple(total[index] for total in self.sums)

    def between(self, group: Ints, start: Ints, end: Ints) -> tuple[Ints, ...]:
        """Give, for each query, the sums over the group's events in `start` < time <= `end`."""
        low, high = self.until(group, start), self.until(group, end)
        return tuple(b - a for a, b in zip(low, high, strict=True))


def running(group: Ints, time: Ints, *values: Ints) -> Running:
    """Sort events and sum `values` along them, after a count of the events.

    Parameters
    ----------
    group, time : int64 arrays of shape (n_events,)
        Group numbers from 0; times from 0, below 2**26.
    *values : int64 arrays of shape (n_events,)
    """
    at = group * SPAN + time
    order = np.argsort(at, kind="stable")
    counted = (np.ones_like(at), *values)
    return Running(at[order], tuple(_cumulated(v[order]) for v in counted))


def _cumulated(values: Ints) -> Ints:
    total = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=total[1:])
    return total


def ratio(part: Ints, whole: Ints) -> Floats:
    """Divide; NaN where `whole` is 0."""
    result = np.full(len(part), np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result


def signed_root(values: Floats) -> Floats:
    """Take the root of the size and keep the sign. Unlike log, it is exact on every processor."""
    return np.copysign(np.sqrt(np.abs(values)), values)
