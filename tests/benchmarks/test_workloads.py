"""Workloads are graphs that can run in their order; an out depends on everything upstream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.comparison import work
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.graphs import chain, graph_of, stencil
from benchmarks.comparison.toolchain import read_outs
from benchmarks.comparison.workloads import Workload, list_workloads
from tests.support.paths import REPOSITORY

WORKLOADS = list_workloads()


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_task_follows_all_tasks_whose_outs_it_reads(workload: Workload) -> None:
    graph = workload.graph
    written: set[str] = set()
    later = set(graph.writer_by_out)
    for task in graph.tasks:
        assert not set(task.inputs) & later - written
        written |= set(task.outs)
    assert sum(len(level) for level in graph.levels) == len(graph.tasks)


def test_names_are_unique_and_smaller_workloads_exist() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert len(set(names)) == len(names)
    assert {name for workload in WORKLOADS for name in workload.smaller} <= set(names)


def test_edits_find_their_text() -> None:
    edits = [
        (workload, phase.edit) for workload in WORKLOADS for phase in workload.phases if phase.edit
    ]
    assert len({workload.name for workload, _ in edits}) == 2
    for workload, edit in edits:
        sources = workload.graph.sources or {}
        text = sources.get(edit.path) or (REPOSITORY / edit.path).read_text()
        assert edit.old in text


def test_the_pipeline_has_every_stage_of_dvc_lock() -> None:
    (pipeline,) = [workload for workload in WORKLOADS if workload.is_pipeline]
    lock = yaml.safe_load((REPOSITORY / "dvc.lock").read_text())
    expected = {
        name: {out["path"] for out in stage["outs"]} for name, stage in lock["stages"].items()
    }
    assert {task.name: set(task.outs) for task in pipeline.graph.tasks} == expected


def run(graph: Graph, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    folder.mkdir()
    monkeypatch.chdir(folder)
    for path, content in (graph.sources or {}).items():
        Path(path).write_text(content)
    for task in graph.tasks:
        assert work.main(list(task.arguments)) == 0
    return read_outs(folder, graph)


def test_an_out_changes_with_a_task_far_upstream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of(chain(3), "fibo", 5)
    first, *others = graph.tasks
    other_first = replace(first, arguments=("fibo", "6", *first.arguments[2:]))
    changed = replace(graph, tasks=(other_first, *others))
    before = run(graph, tmp_path / "a", monkeypatch)
    after = run(changed, tmp_path / "b", monkeypatch)
    assert before["t2.out"] != after["t2.out"]
    assert before == run(graph, tmp_path / "c", monkeypatch)


@pytest.mark.parametrize(("kind", "size"), [("bytes", 1000), ("spin", None)])
def test_kinds_of_work_are_deterministic(
    kind: str, size: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = graph_of(stencil(2, 2), kind, size or 1)
    outs = run(graph, tmp_path / "a", monkeypatch)
    assert outs == run(graph, tmp_path / "b", monkeypatch)
    assert size is None or Path("t0x0.out").stat().st_size == size


def test_an_unknown_kind_of_work_is_an_error() -> None:
    assert work.main(["dance", "1", "none.out"]) == 2
