"""The edges between stages and the order of execution, by DVC's rules over paths, without DVC.

The rules are those of dvc/repo/graph.py, dvc/repo/trie.py and dvc/repo/reproduce.py
(dvc 3.48 to 3.67); tests compare edges and order with DVC's own index.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence

from dvc_bridge.errors import GraphError
from dvc_bridge.pipeline.numbering import RunIndex, StagePosition, numbered
from dvc_bridge.pipeline.stage import Output, Pipeline, Stage

Producer = tuple[StagePosition, Output]


class _Node:
    """One path in the tree of outs."""

    __slots__ = ("below", "producer")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.producer: Producer | None = None

    def producers(self) -> Iterator[Producer]:
        if self.producer:
            yield self.producer
        for node in self.below.values():
            yield from node.producers()


def pipeline_of(stages: Sequence[Stage]) -> Pipeline:
    """Connect the stages; one error reports all problems of the graph.

    Raises
    ------
    GraphError
        Two stages write the same path, an out is inside another, a dvc.yaml is inside an out, or
        the stages form a cycle.
    """
    problems: list[str] = []
    outs = _build_outs_tree(stages, problems)
    for stage in stages:
        container = next(_find_containing_outs(outs, stage.file), None)
        if container:
            problems.append(f"{stage.file} is inside {container[1].at}, which is an out")
    upstream = tuple(_find_upstream(stage, outs) for stage in stages)
    for position, stage in numbered(StagePosition, stages):
        if position in upstream[position]:
            own_outs = ", ".join(out.at for out in stage.outs)
            problems.append(f"{stage.address} reads its own outs ({own_outs})")
    if not problems and (cycle := _find_cycle(upstream)):
        names = " -> ".join(stages[p].address for p in cycle)
        problems.append(f"stages wait for each other: {names}")
    if problems:
        raise GraphError("\n".join(problems), "change these outs or deps in dvc.yaml")
    return Pipeline(tuple(stages), upstream)


def execution_order(
    pipeline: Pipeline, chosen: Sequence[StagePosition] | None, *, downstream: bool = False
) -> list[StagePosition]:
    """Return the positions in the order in which `dvc repro` processes them.

    Parameters
    ----------
    chosen
        The selected stages, which include everything upstream; None or empty: all stages.
    downstream
        Include everything downstream of `chosen` instead of upstream.
    """
    following = [pipeline.active(position) for position in pipeline.positions]
    if not chosen:
        return _postorder(pipeline.positions, following.__getitem__)
    reach = _reverse(following) if downstream else following
    included = set(_postorder(chosen, reach.__getitem__))
    return _postorder(sorted(included), lambda p: [u for u in following[p] if u in included])


def connected_order(pipeline: Pipeline, chosen: Sequence[StagePosition]) -> list[StagePosition]:
    """Return all stages that edges connect to the chosen ones, in the order of `dvc repro -p`.

    Parameters
    ----------
    chosen
        Empty: all stages.
    """
    following = [pipeline.active(position) for position in pipeline.positions]
    sources = _reverse(following)
    included: dict[StagePosition, None] = {}
    for position in chosen or pipeline.positions:
        if position not in included:
            component = _postorder([position], lambda p: (*following[p], *sources[p]))
            included.update(dict.fromkeys(sorted(component)))
    return _postorder(included, following.__getitem__)


def direct_downstream(
    pipeline: Pipeline, order: Sequence[StagePosition]
) -> dict[RunIndex, list[RunIndex]]:
    """Return for each stage of a run the stages that read its outs, by index in the run."""
    indexes = {position: index for index, position in numbered(RunIndex, order)}
    downstream: dict[RunIndex, list[RunIndex]] = {}
    for position, index in indexes.items():
        for upstream in pipeline.active(position):
            if upstream in indexes:
                downstream.setdefault(indexes[upstream], []).append(index)
    return downstream


def in_graph_order(pipeline: Pipeline, positions: Sequence[StagePosition]) -> list[StagePosition]:
    """Return positions so that each stage comes after the stages whose outs it reads.

    Otherwise the given order stays; a valid order is returned unchanged.
    """
    places = {position: place for place, position in enumerate(positions)}
    predecessors = [[places[up] for up in pipeline.active(p) if up in places] for p in positions]
    return [positions[place] for place in topological(predecessors, range(len(positions)))]


def topological(before: Sequence[Iterable[int]], rank: Sequence[int]) -> list[int]:
    """Sort the items so that each comes after those in `before`, and otherwise by rank."""
    after: list[list[int]] = [[] for _ in before]
    missing = [0] * len(before)
    for i, upstream in enumerate(before):
        for predecessor in upstream:
            after[predecessor].append(i)
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


def _split_path(path: str) -> list[str]:
    """Return the parts of a path; none for the root and the folders above it."""
    return [
        part for part in (path.partition("://")[2] or path).split("/") if part not in (".", "..")
    ]


def _build_outs_tree(stages: Sequence[Stage], problems: list[str]) -> _Node:
    root = _Node()
    for position, stage in numbered(StagePosition, stages):
        for out in stage.outs:
            node, container = root, root.producer
            for part in _split_path(out.at):
                node = node.below.setdefault(part, _Node())
                if node.producer:
                    container = container or node.producer
            conflict = container or next(node.producers(), None)
            if conflict is None:
                node.producer = (position, out)
                continue
            producer_address = stages[conflict[0]].address
            if conflict[1].at == out.at:
                addresses = " and ".join(sorted({producer_address, stage.address}))
                problems.append(
                    f"{out.at} is an out of {addresses}"
                    + _duplicate_suffix(producer_address, stage.address)
                )
            else:
                problems.append(
                    f"{out.at} ({stage.address}) and {conflict[1].at} ({producer_address}) overlap"
                )
    return root


def _duplicate_suffix(one: str, other: str) -> str:
    return " twice" if one == other else ""


def _find_containing_outs(root: _Node, path: str) -> Iterator[Producer]:
    """Yield the outs that are the path or contain it, from the outermost."""
    node = root
    if node.producer:
        yield node.producer
    for part in _split_path(path):
        child = node.below.get(part)
        if child is None:
            return
        node = child
        if node.producer:
            yield node.producer


def _find_node(root: _Node, path: str) -> _Node | None:
    node: _Node | None = root
    for part in _split_path(path):
        node = node.below.get(part) if node else None
    return node


def _find_upstream(stage: Stage, outs: _Node) -> tuple[StagePosition, ...]:
    positions: dict[StagePosition, None] = {}
    for path in (read.at for read in stage.reads):
        positions.update((position, None) for position, _ in _find_containing_outs(outs, path))
        if node := _find_node(outs, path):
            positions.update((position, None) for position, _ in node.producers())
    return tuple(positions)


def _reverse(edges: Sequence[Iterable[StagePosition]]) -> list[list[StagePosition]]:
    sources: list[list[StagePosition]] = [[] for _ in edges]
    for position, targets in numbered(StagePosition, edges):
        for target in targets:
            sources[target].append(position)
    return sources


def _postorder(
    starts: Iterable[StagePosition],
    following: Callable[[StagePosition], Iterable[StagePosition]],
) -> list[StagePosition]:
    """Return the positions depth first, each after its children, in order; without recursion."""
    seen: set[StagePosition] = set()
    order: list[StagePosition] = []
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


def _find_cycle(upstream: Sequence[Sequence[StagePosition]]) -> list[StagePosition]:
    """Return one cycle, with its first stage repeated at the end; empty if there is none."""
    state = [0] * len(upstream)  # 0 unseen, 1 on the path, 2 done
    for start, _ in numbered(StagePosition, upstream):
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
