"""Which stage may start next: places in DVC's order, and what each waits for."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Self

from dvc_bridge.plan.pipeline import Pipeline


class Schedule:
    """The stages of one run, by their place in the order that `dvc repro` would take.

    Parameters
    ----------
    needs
        For each place, the places whose failure makes it pointless.
    after
        For each place, the places that must have ended before it may start; holds `needs`.
    mutexes
        Groups of places of which only one may be taken at a time.

    Attributes
    ----------
    followers
        For each place, the places that wait for it.
    """

    def __init__(
        self,
        needs: Sequence[Iterable[int]],
        after: Sequence[Iterable[int]],
        mutexes: Sequence[Iterable[int]] = (),
    ) -> None:
        count = len(needs)
        self._dependents: list[list[int]] = [[] for _ in range(count)]
        self.followers: list[list[int]] = [[] for _ in range(count)]
        self._blockers = [0] * count
        for place in range(count):
            for upstream in needs[place]:
                self._dependents[upstream].append(place)
            for earlier in after[place]:
                self.followers[earlier].append(place)
                self._blockers[place] += 1
        self._ready = [p for p in range(count) if not self._blockers[p]]
        self._ended = [False] * count
        self._groups: dict[int, list[int]] = {}
        for group, members in enumerate(mutexes):
            for place in members:
                self._groups.setdefault(place, []).append(group)
        self._held: set[int] = set()
        self._parked: list[int] = []

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        order: Sequence[int],
        *,
        alone: bool = False,
        mutexes: Sequence[frozenset[str]] = (),
        queues: Sequence[frozenset[str]] = (),
    ) -> Self:
        """Schedule the stages at `order`.

        Parameters
        ----------
        alone
            Each stands for itself, as with `--single-item`: no failure makes another pointless.
        mutexes
            Groups of addresses.
        queues
            Groups of addresses that are taken one after the other, in order.
        """
        places = {position: place for place, position in enumerate(order)}
        needs: list[list[int]] = [[] for _ in order]
        after: list[list[int]] = [[] for _ in order]
        for position, place in places.items():
            active = () if alone else pipeline.active(position)
            for upstream in pipeline.upstream[position]:
                other = places.get(upstream)
                if other is None:
                    continue
                # A frozen stage waits too: its files are read in DVC's order.
                early, late = sorted((place, other))
                after[late].append(early)
                if upstream in active:
                    needs[place].append(other)
        addresses = [pipeline.stages[p].address for p in order]
        for group in queues:
            members = [place for place, address in enumerate(addresses) if address in group]
            for earlier, later in pairwise(members):
                after[later].append(earlier)
        groups = [[p for p, a in enumerate(addresses) if a in group] for group in mutexes]
        return cls(needs, after, groups)

    @property
    def ready(self) -> bool:
        """Whether a stage may start."""
        while self._ready and not self._held.isdisjoint(self._groups.get(self._ready[0], ())):
            self._parked.append(heapq.heappop(self._ready))
        return bool(self._ready)

    def take(self) -> int:
        """The ready stage that is first in DVC's order; ask `ready` before."""
        place = heapq.heappop(self._ready)
        self._held.update(self._groups.get(place, ()))
        return place

    def ended(self, place: int) -> None:
        """The stage has ended, well or badly: what waited for it may start."""
        self._ended[place] = True
        if self._groups.get(place):
            self._held.difference_update(self._groups[place])
            for parked in self._parked:
                heapq.heappush(self._ready, parked)
            self._parked.clear()
        for follower in self.followers[place]:
            self._blockers[follower] -= 1
            if not self._blockers[follower] and not self._ended[follower]:
                heapq.heappush(self._ready, follower)

    def skip_dependents(self, place: int) -> list[int]:
        """Take everything downstream of a failed stage out of the run; return it in order."""
        skipped: set[int] = set()
        stack = [place]
        while stack:
            for dependent in self._dependents[stack.pop()]:
                if dependent not in skipped and not self._ended[dependent]:
                    skipped.add(dependent)
                    stack.append(dependent)
        for dependent in skipped:
            self._ended[dependent] = True
        for dependent in sorted(skipped):
            self.ended(dependent)
        return sorted(skipped)
