"""Which stage may start next: places in DVC's order, and what each waits for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from dvc_bridge.pipeline.stage import Pipeline


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
    queues
        Groups of places that are taken in order, one when those before it have ended.
    certain
        Whether a place at the head of a queue runs whatever those before it do: it need not wait
        for their end.

    Attributes
    ----------
    needs
        As above.
    followers
        For each place, the places that wait for it.
    """

    def __init__(
        self,
        needs: Sequence[Iterable[int]],
        after: Sequence[Iterable[int]],
        mutexes: Sequence[Iterable[int]] = (),
        queues: Sequence[Sequence[int]] = (),
        certain: Callable[[int], bool] = lambda _: False,
    ) -> None:
        count = len(needs)
        self.needs = needs
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
        self._queues = [_Queue(members) for members in queues]
        self._certain = certain
        self._queued: dict[int, list[_Queue]] = {}
        for queue in self._queues:
            for place in queue.members:
                self._queued.setdefault(place, []).append(queue)

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        order: Sequence[int],
        *,
        alone: bool = False,
        mutexes: Sequence[frozenset[str]] = (),
        queues: Sequence[frozenset[str]] = (),
        certain: Callable[[int], bool] = lambda _: False,
        in_order: Iterable[tuple[int, int]] = (),
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
        certain
            As above.
        in_order
            Pairs of places that are taken one after the other, in order.
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
                if upstream in active:  # whatever the order says: its outs are read
                    after[place].append(other)
                    needs[place].append(other)
                else:  # a frozen stage waits too: its files are read in DVC's order
                    early, late = sorted((place, other))
                    after[late].append(early)
        for pair in in_order:
            early, late = sorted(pair)
            after[late].append(early)
        addresses = [pipeline.stages[p].address for p in order]
        groups = [[p for p, a in enumerate(addresses) if a in group] for group in mutexes]
        rows = [[p for p, a in enumerate(addresses) if a in group] for group in queues]
        return cls(needs, after, groups, rows, certain)

    @property
    def ready(self) -> bool:
        """Whether a stage may start."""
        while self._ready:
            place = self._ready[0]
            if not self._held.isdisjoint(self._groups.get(place, ())):
                self._parked.append(heapq.heappop(self._ready))
            elif self._must_queue(place):
                heapq.heappop(self._ready)
            else:
                return True
        return False

    def _must_queue(self, place: int) -> bool:
        for queue in self._queued.get(place, ()):
            if queue.next != place or (queue.running and not self._certain(place)):
                queue.waiting.add(place)
                return True
        return False

    def take(self) -> int:
        """The ready stage that is first in DVC's order; ask `ready` before."""
        place = heapq.heappop(self._ready)
        self._held.update(self._groups.get(place, ()))
        for queue in self._queued.get(place, ()):
            self._wake(queue.take(place))
        return place

    def ended(self, place: int) -> None:
        """The stage has ended, well or badly: what waited for it may start."""
        self._ended[place] = True
        if self._groups.get(place):
            self._held.difference_update(self._groups[place])
            for parked in self._parked:
                heapq.heappush(self._ready, parked)
            self._parked.clear()
        for queue in self._queued.get(place, ()):
            self._wake(queue.end(place))
        for follower in self.followers[place]:
            self._blockers[follower] -= 1
            if not self._blockers[follower] and not self._ended[follower]:
                heapq.heappush(self._ready, follower)

    def _wake(self, place: int | None) -> None:
        if place is not None and not self._ended[place]:
            heapq.heappush(self._ready, place)

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


class _Queue:
    """Places that are taken in their order.

    `next` is the one whose turn it is, `running` those that have been taken and have not ended.
    """

    def __init__(self, members: Sequence[int]) -> None:
        self.members = members
        self._left = deque(members)
        self.running: set[int] = set()
        self.waiting: set[int] = set()

    @property
    def next(self) -> int | None:
        return self._left[0] if self._left else None

    def take(self, place: int) -> int | None:
        """It has started; give the one that may be looked at again."""
        self._left.popleft()
        self.running.add(place)
        return self._waiting_next()

    def end(self, place: int) -> int | None:
        """It has ended, or is not going to run; give the one that may be looked at again."""
        if place in self.running:
            self.running.discard(place)
        else:
            self._left.remove(place)
        return self._waiting_next()

    def _waiting_next(self) -> int | None:
        if self.next not in self.waiting:
            return None
        self.waiting.discard(place := self.next)
        return place
