"""Who feeds whom, and in which order: DVC's rules over paths, without DVC.

The rules are those of dvc/repo/graph.py, dvc/repo/trie.py and dvc/repo/reproduce.py
(dvc 3.48 to 3.67); tests compare edges and order with DVC's own index.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

from dvc_bridge.errors import GraphError
from dvc_bridge.pipeline.stage import Output, Pipeline, Stage

Producer = tuple[int, Output]


class _Node:
    """One path of the tree of outs."""

    __slots__ = ("below", "made_by")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.made_by: Producer | None = None

    def producers(self) -> Iterator[Producer]:
        if self.made_by:
            yield self.made_by
        for node in self.below.values():
            yield from node.producers()


def pipeline_of(stages: Sequence[Stage]) -> Pipeline:
    """Connect the stages; every problem of the graph is collected before the first is raised.

    Raises
    ------
    GraphError
        Two stages write the same path, an out lies inside another, a dvc.yaml inside an out, or
        stages wait for each other in a circle.
    """
    problems: list[str] = []
    outs = _outs_tree(stages, problems)
    for stage in stages:
        above = next(_on_the_way(outs, stage.file), None)
        if above:
            problems.append(f"{stage.file} lies inside {above[1].at}, which is an out")
    upstream = tuple(_upstream(stage, outs) for stage in stages)
    for position, stage in enumerate(stages):
        if position in upstream[position]:
            own = ", ".join(out.at for out in stage.outs)
            problems.append(f"{stage.address} reads what it writes itself ({own})")
    if not problems and (circle := _circle(upstream)):
        names = " -> ".join(stages[p].address for p in circle)
        problems.append(f"stages wait for each other: {names}")
    if problems:
        raise GraphError("\n".join(problems), "change the outs or deps named here in dvc.yaml")
    return Pipeline(tuple(stages), upstream)


def execution_order(
    pipeline: Pipeline, chosen: Sequence[int] | None, *, downstream: bool = False
) -> list[int]:
    """Return the positions in the order in which `dvc repro` takes them.

    Parameters
    ----------
    chosen
        The stages asked for, with everything upstream of them; None or none: all.
    downstream
        Take what is downstream of `chosen` instead of upstream.
    """
    following = [pipeline.active(p) for p in range(len(pipeline.stages))]
    if not chosen:
        return _postorder(range(len(following)), following.__getitem__)
    reach = _reversed(following) if downstream else following
    kept = set(_postorder(chosen, reach.__getitem__))
    return _postorder(sorted(kept), lambda p: [u for u in following[p] if u in kept])


def in_graph_order(pipeline: Pipeline, positions: Sequence[int]) -> list[int]:
    """Return positions in an order in which each stage comes after those whose outs it reads.

    What the graph leaves open stays in the order given: one that fits is given back as it is.
    """
    place = {position: number for number, position in enumerate(positions)}
    before = [[place[up] for up in pipeline.active(p) if up in place] for p in positions]
    return [positions[number] for number in topological(before, range(len(positions)))]


def topological(before: Sequence[Iterable[int]], rank: Sequence[int]) -> list[int]:
    """Sort so that each comes after those before it, and otherwise by rank."""
    after: list[list[int]] = [[] for _ in before]
    missing = [0] * len(before)
    for i, upstream in enumerate(before):
        for other in upstream:
            after[other].append(i)
            missing[i] += 1
    ready = [(rank[i], i) for i, count in enumerate(missing) if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        _, i = heapq.heappop(ready)
        order.append(i)
        for follower in after[i]:
            missing[follower] -= 1
            if not missing[follower]:
                heapq.heappush(ready, (rank[follower], follower))
    return order


def _parts(at: str) -> list[str]:
    """None for the root, and for what is above it: all outs lie inside."""
    return [part for part in (at.partition("://")[2] or at).split("/") if part not in (".", "..")]


def _outs_tree(stages: Sequence[Stage], problems: list[str]) -> _Node:
    root = _Node()
    for position, stage in enumerate(stages):
        for out in stage.outs:
            node, above = root, root.made_by
            for part in _parts(out.at):
                node = node.below.setdefault(part, _Node())
                if node.made_by:
                    above = above or node.made_by
            other = above or next(node.producers(), None)
            if other is None:
                node.made_by = (position, out)
                continue
            maker = stages[other[0]].address
            if other[1].at == out.at:
                makers = " and ".join(sorted({maker, stage.address}))
                problems.append(f"{out.at} is an out of {makers}" + _twice(maker, stage.address))
            else:
                problems.append(f"{out.at} ({stage.address}) and {other[1].at} ({maker}) overlap")
    return root


def _twice(one: str, other: str) -> str:
    return " twice" if one == other else ""


def _on_the_way(root: _Node, at: str) -> Iterator[Producer]:
    """The outs that are `at` or hold it, from the outermost."""
    node = root
    if node.made_by:
        yield node.made_by
    for part in _parts(at):
        found = node.below.get(part)
        if found is None:
            return
        node = found
        if node.made_by:
            yield node.made_by


def _node(root: _Node, at: str) -> _Node | None:
    node: _Node | None = root
    for part in _parts(at):
        node = node.below.get(part) if node else None
    return node


def _upstream(stage: Stage, outs: _Node) -> tuple[int, ...]:
    found: dict[int, None] = {}
    for at in (read.at for read in stage.reads):
        found.update((position, None) for position, _ in _on_the_way(outs, at))
        if node := _node(outs, at):
            found.update((position, None) for position, _ in node.producers())
    return tuple(found)


def _reversed(edges: Sequence[Iterable[int]]) -> list[list[int]]:
    back: list[list[int]] = [[] for _ in edges]
    for position, targets in enumerate(edges):
        for target in targets:
            back[target].append(position)
    return back


def _postorder(starts: Iterable[int], following: Callable[[int], Iterable[int]]) -> list[int]:
    """Depth first, children in their order, each node after its children; never recursive."""
    seen: set[int] = set()
    order: list[int] = []
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        stack = [(start, iter(following(start)))]
        while stack:
            node, children = stack[-1]
            for child in children:
                if child not in seen:
                    seen.add(child)
                    stack.append((child, iter(following(child))))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def _circle(upstream: Sequence[Sequence[int]]) -> list[int]:
    """One circle of the graph, its first stage repeated at the end; empty if there is none."""
    state = [0] * len(upstream)  # 0 unseen, 1 on the path, 2 done
    for start in range(len(upstream)):
        if state[start]:
            continue
        path, iterators = [start], [iter(upstream[start])]
        state[start] = 1
        while path:
            for child in iterators[-1]:
                if state[child] == 1:
                    return [*path[path.index(child) :], child]
                if state[child] == 0:
                    state[child] = 1
                    path.append(child)
                    iterators.append(iter(upstream[child]))
                    break
            else:
                state[path.pop()] = 2
                iterators.pop()
    return []
