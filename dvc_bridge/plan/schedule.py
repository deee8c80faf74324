"""Which stage may start next: positions in DVC's order, and what each waits for."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence


class Schedule:
    """The stages of one run, by their position in the order that `dvc repro` would take.

    Parameters
    ----------
    needs
        For each position, the positions whose failure makes it pointless.
    after
        For each position, the positions that must have ended before it may start; holds `needs`.
    """

    def __init__(self, needs: Sequence[Iterable[int]], after: Sequence[Iterable[int]]) -> None:
        count = len(needs)
        self._dependents: list[list[int]] = [[] for _ in range(count)]
        self._followers: list[list[int]] = [[] for _ in range(count)]
        self._blockers = [0] * count
        for position in range(count):
            for upstream in needs[position]:
                self._dependents[upstream].append(position)
            for earlier in after[position]:
                self._followers[earlier].append(position)
                self._blockers[position] += 1
        self._ready = [p for p in range(count) if not self._blockers[p]]
        self._ended = [False] * count
        self.left = count

    @property
    def ready(self) -> bool:
        """Whether a stage may start."""
        return bool(self._ready)

    def take(self) -> int:
        """The ready stage that is first in DVC's order."""
        return heapq.heappop(self._ready)

    def ended(self, position: int) -> None:
        """The stage has ended, well or badly: what waited for it may start."""
        self._ended[position] = True
        self.left -= 1
        for follower in self._followers[position]:
            self._blockers[follower] -= 1
            if not self._blockers[follower] and not self._ended[follower]:
                heapq.heappush(self._ready, follower)

    def skip_dependents(self, position: int) -> list[int]:
        """Take everything downstream of a failed stage out of the run; return it in order."""
        skipped: set[int] = set()
        stack = [position]
        while stack:
            for dependent in self._dependents[stack.pop()]:
                if dependent not in skipped and not self._ended[dependent]:
                    skipped.add(dependent)
                    stack.append(dependent)
        self._ready = [p for p in self._ready if p not in skipped]
        heapq.heapify(self._ready)
        for dependent in skipped:
            self._ended[dependent] = True
        for dependent in sorted(skipped):
            self.ended(dependent)
        return sorted(skipped)
