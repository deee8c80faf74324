"""A DVC repository opened: its stages in the order of `dvc repro`, and what each waits for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

from dvc_bridge.errors import UsageError


@dataclass(frozen=True)
class Selection:
    """Which stages, in the words of `dvc repro`."""

    targets: tuple[str, ...] = ()
    single_item: bool = False
    downstream: bool = False
    all_pipelines: bool = False


@dataclass(frozen=True)
class Ordered:
    """Stages in the order that `dvc repro` would take, and the edges between them by position.

    `after` holds `needs` and, for a frozen stage, the edges that DVC ignores: what is written in
    DVC's order must not be read before or after its turn.
    """

    stages: list[Any]
    needs: list[list[int]]
    after: list[list[int]]


class Project:
    """One DVC repository, opened from the current directory as the dvc command does."""

    def __init__(self) -> None:
        try:
            self.repo = Repo()
        except NotDvcRepoError as exc:
            raise UsageError(f"{exc}", "run it inside a project, or start one: dvc init") from exc

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The repository's lock for the whole of a command, as DVC holds it."""
        try:
            with lock_repo(self.repo):
                yield
        except LockError as exc:
            raise UsageError(str(exc), "wait for the other DVC process to end") from exc

    def order(self, selection: Selection) -> Ordered:
        """The stages of the run in DVC's order; DVC's own checks of the graph included."""
        repo = self.repo
        try:
            chosen: list[Any] = []
            if not selection.all_pipelines:
                chosen = collect_stages(repo, selection.targets or ["dvc.yaml"])
            graph = repo.index.graph
            active = get_active_graph(graph)
            if selection.single_item and not selection.all_pipelines:
                return _positions(chosen, graph, None)
            stages = plan_repro(
                active, chosen, downstream=selection.downstream and not selection.all_pipelines
            )
        except DvcException as exc:
            raise UsageError(_with_causes(exc)) from exc
        return _positions(stages, graph, active)


def _positions(stages: Sequence[Any], graph: Any, active: Any) -> Ordered:
    position = {stage: index for index, stage in enumerate(stages)}
    needs: list[list[int]] = [[] for _ in stages]
    after: list[list[int]] = [[] for _ in stages]
    for stage, here in position.items():
        for upstream in graph.successors(stage):
            there = position.get(upstream)
            if there is None:
                continue
            early, late = sorted((here, there))
            after[late].append(early)
            if active is not None and active.has_edge(stage, upstream):
                needs[here].append(there)
    return Ordered(list(stages), needs, after)


def _with_causes(exc: BaseException) -> str:
    parts = [str(exc)]
    cause = exc.__cause__
    while cause is not None:
        if str(cause) not in parts[-1]:
            parts.append(str(cause))
        cause = cause.__cause__
    return ": ".join(parts)
