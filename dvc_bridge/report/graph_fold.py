"""Fold the graph of a run until a reader can take it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low

from dvc_bridge.pipeline.trace import StageTrace

MOST_NODES = 60


@dataclass(frozen=True, slots=True)
class Node:
    """A stage, or stages that are shown as one.

    Parameters
    ----------
    column
        From 0, the stages that wait for no other.
    outcomes
        Outcome -> number of stages.
    reason
        Of the first stage that has one.
    """

    name: str
    column: int
    outcomes: Mapping[str, int]
    reason: str = ""

    @property
    def count(self) -> int:
        """How many stages it stands for."""
        return sum(self.outcomes.values())

    @property
    def state(self) -> str:
        """The outcome that the reader must know first."""
        return next(state for state in _BY_WEIGHT if state in self.outcomes)


_BY_WEIGHT = (
    "failed",
    "running",
    "skipped",
    "waiting",
    "ran",
    "run cache",
    "up to date",
)


@dataclass(frozen=True, slots=True)
class Graph:
    """The nodes, and the edges between them as pairs of their places.

    Parameters
    ----------
    folded_by
        How stages are grouped; empty if each stage is a node.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    folded_by: str = ""


def fold(stages: Sequence[StageTrace]) -> Graph:
    """Return the graph with at most `MOST_NODES` nodes, or one node for each level."""
    columns = _columns(stages)
    share = 1
    keys: list[str] = [stage.address for stage in stages]
    folded_by = ""
    if len(keys) > MOST_NODES:
        keys, folded_by = [_family(stage.address) for stage in stages], "foreach and matrix"
    if len(set(keys)) > MOST_NODES:
        levels = max(columns, default=0) + 1
        share = -(-levels // MOST_NODES)
        keys, folded_by = [_level(column // share, share) for column in columns], "level"
    members: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        members.setdefault(key, []).append(place)
    places = {key: place for place, key in enumerate(members)}
    nodes = tuple(
        Node(
            key,
            median_low([columns[p] for p in group]) // share,
            Counter(stages[p].outcome for p in group),
            next((stages[p].reason for p in group if stages[p].reason), ""),
        )
        for key, group in members.items()
    )
    ranked = sorted(range(len(nodes)), key=lambda place: nodes[place].column)
    edges = dict.fromkeys(
        (places[keys[up]], places[keys[place]])
        for place, stage in enumerate(stages)
        for up in stage.waits_for
        if keys[up] != keys[place]
    )
    if folded_by == "level":  # every level follows the one before it
        edges = dict.fromkeys(pairwise(ranked))
    return Graph(nodes, tuple(edges), folded_by)


def _level(number: int, share: int) -> str:
    return (
        f"level {number + 1}"
        if share == 1
        else f"levels {number * share + 1} to {(number + 1) * share}"
    )


def _family(address: str) -> str:
    name, at, _ = address.partition("@")
    return f"{name}@*" if at else name


def _columns(stages: Sequence[StageTrace]) -> list[int]:
    """Return for each stage the length of the longest chain that leads to it."""
    columns = [0] * len(stages)
    waiting = [len(stage.waits_for) for stage in stages]
    followers: list[list[int]] = [[] for _ in stages]
    for place, stage in enumerate(stages):
        for up in stage.waits_for:
            followers[up].append(place)
    ready = [place for place, count in enumerate(waiting) if not count]
    while ready:
        place = ready.pop()
        for follower in followers[place]:
            columns[follower] = max(columns[follower], columns[place] + 1)
            waiting[follower] -= 1
            if not waiting[follower]:
                ready.append(follower)
    return columns
