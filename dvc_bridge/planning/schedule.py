"""Schedule stages: which stage may start next, by its index in DVC's order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from dvc_bridge.pipeline.numbering import RunIndex, StagePosition, numbered
from dvc_bridge.pipeline.stage import Pipeline


class Schedule:
    """The schedule of one run; a stage is its index in the order of `dvc repro`.

    Parameters
    ----------
    needs
        For each index, the stages whose failure skips it.
    after
        For each index, the stages that must end before it may start; contains `needs`.
    shared
        Groups of stages, and how many of each may run at a time.
    queues
        Groups of stages that run in order, each after the end of the ones before it.
    certain
        Returns whether the stage at the head of a queue runs in any case, so that it does not wait
        for the end of the ones before it.

    Attributes
    ----------
    needs
        The parameter `needs`.
    followers
        For each index, the stages that wait for it.
    """

    def __init__(
        self,
        needs: Sequence[Iterable[RunIndex]],
        after: Sequence[Iterable[RunIndex]],
        shared: Sequence[tuple[Iterable[RunIndex], int]] = (),
        queues: Sequence[Sequence[RunIndex]] = (),
        certain: Callable[[RunIndex], bool] = lambda _: False,
    ) -> None:
        count = len(needs)
        self.needs = needs
        self._dependents: list[list[RunIndex]] = [[] for _ in range(count)]
        self.followers: list[list[RunIndex]] = [[] for _ in range(count)]
        self._blockers = [0] * count
        for index, _ in numbered(RunIndex, needs):
            for upstream in needs[index]:
                self._dependents[upstream].append(index)
            for earlier in after[index]:
                self.followers[earlier].append(index)
                self._blockers[index] += 1
        self._ready = [i for i, blockers in numbered(RunIndex, self._blockers) if not blockers]
        self._ended = [False] * count
        self._groups: dict[RunIndex, list[int]] = {}
        for group, (members, _) in enumerate(shared):
            for index in members:
                self._groups.setdefault(index, []).append(group)
        self._free = [count for _, count in shared]
        self._running: set[RunIndex] = set()
        self._parked: list[RunIndex] = []
        self._queues = [_Queue(members) for members in queues]
        self._certain = certain
        self._queued: dict[RunIndex, list[_Queue]] = {}
        for queue in self._queues:
            for index in queue.members:
                self._queued.setdefault(index, []).append(queue)

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        order: Sequence[StagePosition],
        *,
        alone: bool = False,
        mutexes: Sequence[frozenset[str]] = (),
        limits: Sequence[tuple[frozenset[str], int]] = (),
        queues: Sequence[frozenset[str]] = (),
        certain: Callable[[RunIndex], bool] = lambda _: False,
        in_order: Iterable[tuple[RunIndex, RunIndex]] = (),
    ) -> Self:
        """Schedule the stages at `order`.

        Parameters
        ----------
        alone
            Whether stages are independent, as with `--single-item`: a failure skips no other stage.
        mutexes
            Groups of addresses; only one stage of each group runs at a time.
        limits
            Groups of addresses, and how many stages of each group may run at a time.
        queues
            Groups of addresses that run one after the other, in order.
        certain
            The parameter of the class.
        in_order
            Pairs of indexes that run one after the other, in order.
        """
        indexes = {position: index for index, position in numbered(RunIndex, order)}
        needs: list[list[RunIndex]] = [[] for _ in order]
        after: list[list[RunIndex]] = [[] for _ in order]
        for position, index in indexes.items():
            active = () if alone else pipeline.active(position)
            for upstream in pipeline.upstream[position]:
                upstream_index = indexes.get(upstream)
                if upstream_index is None:
                    continue
                if upstream in active:  # regardless of the order: its outs are read
                    after[index].append(upstream_index)
                    needs[index].append(upstream_index)
                else:  # a frozen stage waits too: DVC reads its files in order
                    early, late = sorted((index, upstream_index))
                    after[late].append(early)
        for pair in in_order:
            early, late = sorted(pair)
            after[late].append(early)
        addresses = [(i, pipeline.stages[p].address) for i, p in numbered(RunIndex, order)]
        shared = [
            ([i for i, address in addresses if address in group], count)
            for group, count in (*((group, 1) for group in mutexes), *limits)
        ]
        queue_members = [[i for i, address in addresses if address in group] for group in queues]
        return cls(needs, after, shared, queue_members, certain)

    @property
    def ready(self) -> bool:
        """Whether a stage may start."""
        while self._ready:
            index = self._ready[0]
            if not all(self._free[group] for group in self._groups.get(index, ())):
                self._parked.append(heapq.heappop(self._ready))
            elif self._must_queue(index):
                heapq.heappop(self._ready)
            else:
                return True
        return False

    def _must_queue(self, index: RunIndex) -> bool:
        for queue in self._queued.get(index, ()):
            if queue.next != index or (queue.running and not self._certain(index)):
                queue.waiting.add(index)
                return True
        return False

    def take(self) -> RunIndex:
        """Start the ready stage that is first in DVC's order and return it; check `ready` first."""
        index = heapq.heappop(self._ready)
        self._running.add(index)
        for group in self._groups.get(index, ()):
            self._free[group] -= 1
        for queue in self._queued.get(index, ()):
            self._wake(queue.take(index))
        return index

    def ended(self, index: RunIndex) -> None:
        """Record the end of a stage, successful or not, so that its followers may start."""
        self._ended[index] = True
        if self._groups.get(index) and index in self._running:
            for group in self._groups[index]:
                self._free[group] += 1
            for parked in self._parked:
                heapq.heappush(self._ready, parked)
            self._parked.clear()
        self._running.discard(index)
        for queue in self._queued.get(index, ()):
            self._wake(queue.end(index))
        for follower in self.followers[index]:
            self._blockers[follower] -= 1
            if not self._blockers[follower] and not self._ended[follower]:
                heapq.heappush(self._ready, follower)

    def _wake(self, index: RunIndex | None) -> None:
        if index is not None and not self._ended[index]:
            heapq.heappush(self._ready, index)

    def skip_dependents(self, index: RunIndex) -> list[RunIndex]:
        """Remove everything downstream of a failed stage from the run; return it in order."""
        skipped: set[RunIndex] = set()
        stack = [index]
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
    """Stages that run in order.

    `next` is the next stage to start; `running` are the stages that have started and not ended.
    """

    def __init__(self, members: Sequence[RunIndex]) -> None:
        self.members = members
        self._left = deque(members)
        self.running: set[RunIndex] = set()
        self.waiting: set[RunIndex] = set()

    @property
    def next(self) -> RunIndex | None:
        return self._left[0] if self._left else None

    def take(self, index: RunIndex) -> RunIndex | None:
        """Record the start of a stage; return the waiting stage to check again, if any."""
        self._left.popleft()
        self.running.add(index)
        return self._waiting_next()

    def end(self, index: RunIndex) -> RunIndex | None:
        """Record the end or skip of a stage; return the waiting stage to check again, if any."""
        if index in self.running:
            self.running.discard(index)
        else:
            self._left.remove(index)
        return self._waiting_next()

    def _waiting_next(self) -> RunIndex | None:
        if self.next not in self.waiting:
            return None
        self.waiting.discard(index := self.next)
        return index
