"""Workloads are graphs that can run in their order; an out depends on everything upstream."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.comparison import work
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.graphs import chain, chain_with_kill, graph_of, stencil
from benchmarks.comparison.toolchain import md5_of, read_outs
from benchmarks.comparison.workload import Edit, Workload
from benchmarks.comparison.workloads import list_workloads
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
    n_edits = 0
    for workload in WORKLOADS:
        texts = dict(workload.graph.sources or {})
        for edit in (*workload.edits, *(e for phase in workload.phases for e in phase.edits)):
            text = texts.get(edit.path) or (REPOSITORY / edit.path).read_text()
            texts[edit.path] = edit.apply(text)
            n_edits += 1
    assert n_edits == 11


def test_an_edit_without_its_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not contain"):
        Edit("params.yaml", "old", "new").apply("other")


def test_a_new_month_ends_with_the_files_of_the_repository_and_one_more_stage() -> None:
    (workload,) = [workload for workload in WORKLOADS if workload.edits]
    for name in ("dvc.yaml", "params.yaml"):
        original = text = (REPOSITORY / name).read_text()
        for edit in (*workload.edits, *workload.phases[1].edits):
            text = edit.apply(text) if edit.path == name else text
        assert text == original
    later = workload.phases[1].graph
    assert later is not None
    names = [{task.name for task in graph.tasks} for graph in (workload.graph, later)]
    assert names[1] - names[0] == {"backtest@2013-12"}
    assert names[0] < names[1]


def test_the_pipeline_has_every_stage_of_dvc_lock() -> None:
    (pipeline,) = [workload for workload in WORKLOADS if workload.name == "pipeline"]
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


def test_bytes_repeat_the_digest_of_the_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").write_bytes(b"x" * (3 << 20))
    amount = (2 << 20) + 7
    assert work.main(["bytes", str(amount), "out", "in"]) == 0
    state = hashlib.sha256(b"x" * (3 << 20)).digest()
    assert Path("out").read_bytes() == (state * amount)[:amount]
    assert md5_of(Path("out")) == hashlib.md5(Path("out").read_bytes()).hexdigest()  # noqa: S324


def run_chain_with_kill(folder: Path, shell: str) -> list[subprocess.CompletedProcess[bytes]]:
    """Run the third task of a chain twice, from a shell that Python starts, and return how."""
    graph = chain_with_kill(3, 3, "fibo", 3)
    shutil.copyfile(work.__file__, folder / "work.py")
    for path, content in (graph.sources or {}).items():
        (folder / path).write_text(content)
    command = " && ".join(shlex.join(graph.argv(task)) for task in graph.tasks) + shell
    worker = f"import subprocess; print(subprocess.call({command!r}, shell=True))"
    environment = {**os.environ, work.KILLED: str(folder.parent / "killed")}
    argv = [sys.executable, "-c", worker]
    return [
        subprocess.run(argv, cwd=folder, env=environment, capture_output=True, check=False)
        for _ in range(2)
    ]


@pytest.mark.parametrize("shell", ["", "; true"])
def test_a_worker_is_killed_once_and_leaves_half_an_out(tmp_path: Path, shell: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    first, second = run_chain_with_kill(folder, shell)
    assert first.returncode == -signal.SIGKILL
    assert (second.returncode, second.stdout) == (0, b"0\n")
    assert (folder / "t2.out").read_text().startswith("2 ")


def test_a_worker_is_not_killed_unless_the_comparison_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(work.KILLED, raising=False)
    assert set(run(chain_with_kill(3, 2, "fibo", 3), tmp_path / "a", monkeypatch)) == {
        "t0.out",
        "t1.out",
        "t2.out",
    }


def test_an_unknown_kind_of_work_is_an_error() -> None:
    assert work.main(["dance", "1", "none.out"]) == 2
