"""The numbers that identify stages and tasks; mypy tells them apart, at run time they are ints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import NewType, TypeVar

# The position of a stage in `Pipeline.stages`.
StagePosition = NewType("StagePosition", int)
# The index of a stage in a run, in DVC's order.
RunIndex = NewType("RunIndex", int)
# The number of a task in a remote run.
TaskNumber = NewType("TaskNumber", int)
# What a view shows in a row: a stage of a local run, or a task of a remote run.
Row = RunIndex | TaskNumber

Number = TypeVar("Number", bound=int)
Item = TypeVar("Item")


def numbered(kind: Callable[[int], Number], items: Iterable[Item]) -> Iterator[tuple[Number, Item]]:
    """Yield the items with numbers of this kind, from 0."""
    return zip(map(kind, count()), items, strict=False)
