"""Counts and sums of the events up to a time, by group.

All sums are of integers, so that a later event cannot change the last bit of an earlier sum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arrays import Floats, Ints

# Times are minutes or days since 1970; all are below this limit until 2097.
TIME_LIMIT = np.int64(1 << 26)


class AsOfSums(NamedTuple):
    """Cumulative sums over events sorted by group and time; `sum_events` returns it."""

    keys: Ints  # group * TIME_LIMIT + time of each event, shape (n_events,)
    sums: tuple[Ints, ...]  # each of shape (n_events + 1,)

    def until(self, group: Ints, time: Ints) -> tuple[Ints, ...]:
        """Return the sums over the events at or before `time` in `group` and all lower groups.

        Only the difference between the sums at two times of one group is meaningful; `between`
        returns it.
        """
        index = np.searchsorted(self.keys, group * TIME_LIMIT + time, side="right")
        return tuple(sums[index] for sums in self.sums)

    def between(self, group: Ints, start: Ints, end: Ints) -> tuple[Ints, ...]:
        """Return, for each query, the sums over the group's events in `start` < time <= `end`."""
        until_start, until_end = self.until(group, start), self.until(group, end)
        return tuple(b - a for a, b in zip(until_start, until_end, strict=True))


def sum_events(group: Ints, time: Ints, *values: Ints) -> AsOfSums:
    """Sort events by group and time, and sum them cumulatively.

    Parameters
    ----------
    group, time : int64 arrays of shape (n_events,)
        Group numbers from 0; times from 0 up to, but not including, `TIME_LIMIT`.
    *values : int64 arrays of shape (n_events,)

    Returns
    -------
    AsOfSums
        The first sum is the number of events; one sum per array of `values` follows.
    """
    keys = group * TIME_LIMIT + time
    order = np.argsort(keys, kind="stable")
    summands = (np.ones_like(keys), *values)
    return AsOfSums(keys[order], tuple(_cumulative_sums(v[order]) for v in summands))


def _cumulative_sums(values: Ints) -> Ints:
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


def divide(part: Ints, whole: Ints) -> Floats:
    """Return part / whole, and NaN where `whole` is 0."""
    quotient = np.full(len(part), np.nan)
    np.divide(part, whole, out=quotient, where=whole != 0)
    return quotient
