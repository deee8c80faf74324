"""A session adds rounds to a results file, continues it, and mixes nothing that differs."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import machine, method_check, session
from benchmarks.comparison import measure as measuring
from benchmarks.comparison.graph import Graph
from benchmarks.comparison.graphs import (
    GATE,
    Parents,
    chain,
    chain_with_gate,
    chain_with_kill,
    fan,
    fan_out,
    graph_of,
)
from benchmarks.comparison.measure import measure_phases
from benchmarks.comparison.session import Cell, Options, Session, extrapolate, rank
from benchmarks.comparison.status import Status
from benchmarks.comparison.store import Store
from benchmarks.comparison.timed_run import Bench, Sample, excerpt
from benchmarks.comparison.toolchain import FOLDER, load_toolchains
from benchmarks.comparison.workload import Edit, Phase, Workload
from benchmarks.comparison.workloads import list_workloads
from tests.benchmarks.documents import SESSION, fill, sample
from tests.support.commands import git

SMALL = Workload("small", "", graph_of(chain(2), "fibo", 3))
TOOLCHAINS = load_toolchains()


def measure(path: Path, cells: Sequence[Cell], rounds: int) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    options = Options(rounds=rounds, minutes=5)
    store = Store(path, SESSION)
    Session(store, TOOLCHAINS, options, said.append).run(cells, checks_method=False)
    document: dict[str, Any] = json.loads(path.read_text())
    return document, said


def test_rounds_are_added_until_all_are_there_and_outs_are_equal(tmp_path: Path) -> None:
    cells = [Cell(SMALL, "plain_python"), Cell(SMALL, "make")]
    path = tmp_path / "results.json"
    first, _ = measure(path, cells, 1)
    second, said = measure(path, cells, 2)
    assert [len(result["times"]) for result in first["results"]] == [1, 1]
    assert [len(result["times"]) for result in second["results"]] == [2, 2]
    assert [line for line in said if line.startswith("warm-up")]
    assert len({outs for result in second["results"] for outs in result["outs"]}) == 1
    third, said = measure(path, cells, 2)
    assert (third["results"], said) == (second["results"], [])


def test_a_failed_run_is_not_timed_and_the_next_one_continues_it(tmp_path: Path) -> None:
    phases = (Phase("failed", fails=True), Phase("continued", (Edit(GATE, "closed", "open"),)))
    workload = Workload("resume", "", chain_with_gate(3, 2, "fibo", 3), phases=phases)
    cells = [Cell(workload, "plain_python"), Cell(workload, "make")]
    document, _ = measure(tmp_path / "results.json", cells, 1)
    plain, make = sorted(document["results"], key=lambda r: -len(r["parameters"]["toolchain"]))
    assert {result["parameters"]["phase"] for result in (plain, make)} == {"continued"}
    assert plain["exit_codes"] == make["exit_codes"] == [0]
    assert plain["outs"] == make["outs"]


@pytest.mark.parametrize(("parents", "metg_s", "n_runs"), [(chain(8), 0.1, 2), (fan(3, 2), 0.8, 3)])
def test_metg_comes_from_a_run_without_work_and_others_with_work(
    parents: Parents, metg_s: float, n_runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def run_phases(
        _bench: Bench, workload: Workload, *_rest: object
    ) -> Iterator[tuple[str, Sample]]:
        blocks = sum(int(task.arguments[1]) for task in workload.graph.tasks)
        runs.append(blocks)
        yield "cold", sample(0.8 + blocks * SESSION["seconds_per_block"])

    monkeypatch.setattr(session, "measure_phases", run_phases)
    monkeypatch.setattr(measuring, "measure_phases", run_phases)
    workload = Workload("metg", "", graph_of(parents, "spin", 0), finds_metg=True)
    document, _ = measure(tmp_path / "results.json", [Cell(workload, "plain_python")], 1)
    assert document["results"][0]["metg_s"] == [pytest.approx(metg_s)]
    assert len(runs) == n_runs + 1  # with the warm-up


def test_a_session_without_time_says_what_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.json", SESSION)
    options = Options(minutes=0.05)
    Session(store, TOOLCHAINS, options, print).run([Cell(SMALL, "make")], checks_method=False)
    (result,) = json.loads((tmp_path / "results.json").read_text())["results"]
    assert result["status"] == "no time"


def test_a_cell_whose_cluster_only_one_session_names_has_no_time_instead_of_no_cluster(
    tmp_path: Path,
) -> None:
    path, cell = tmp_path / "results.json", Cell(SMALL, "make")
    store = Store(path, SESSION)
    store.mark(cell.first_key, Status.NO_CLUSTER, "no cluster named")
    assert (store.find(cell.first_key) or {})["status"] == Status.NO_CLUSTER
    Session(store, TOOLCHAINS, Options(minutes=0.05), print).run([cell], checks_method=False)
    store.mark(cell.first_key, Status.NO_CLUSTER, "no cluster named")
    assert (store.find(cell.first_key) or {})["status"] == "no time"


def test_a_workload_far_over_the_limit_is_not_started(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    store = Store(path, SESSION)
    store.add(("one", "cold", "make", ""), sample(0.2))
    store.add(("ten", "cold", "make", ""), sample(9.2))
    store.save()
    hundred = Workload("hundred", "", graph_of(fan_out(100), "fibo", 1), smaller=("ten", "one"))
    document, said = measure(path, [Cell(hundred, "make")], 1)
    (result,) = [r for r in document["results"] if r["parameters"]["workload"] == "hundred"]
    assert result["status"] == Status.OVER_LIMIT
    assert "99 s" in result["reason"]
    assert not [line for line in said if line.startswith("round")]


def test_an_excerpt_of_an_output_shows_the_error_and_not_what_came_after() -> None:
    output = "begin\nERROR: failed to lock\n" + "running\n" * 500
    assert excerpt(output) == "ERROR: failed to lock"
    assert excerpt("running\n" * 500).startswith("running")
    assert len(excerpt("x" * 5000)) < 1000
    assert excerpt("begin\nIncompleteFilesException:\nend") == "IncompleteFilesException:"


def test_the_time_of_a_start_is_not_multiplied() -> None:
    assert extrapolate(smaller_s=5.0, small_s=5.9, n_tasks=100) == pytest.approx(14.9)
    assert extrapolate(smaller_s=5.0, small_s=4.0, n_tasks=100) == 4.0


def test_the_file_has_the_shape_of_hyperfine(tmp_path: Path) -> None:
    fill(tmp_path / "results.json")
    for result in json.loads((tmp_path / "results.json").read_text())["results"]:
        names = {"command", "mean", "stddev", "median", "user", "system", "min", "max", "times"}
        assert names | {"exit_codes", "parameters"} <= set(result)
        if result["times"]:
            assert result["min"] <= result["median"] <= result["max"]


@pytest.mark.parametrize("name", ["digest", "jobs", "machine"])
def test_samples_of_something_else_are_not_mixed(name: str, tmp_path: Path) -> None:
    fill(tmp_path / "results.json")
    with pytest.raises(SystemExit, match=f"another {name}; fix"):
        Store(tmp_path / "results.json", {**SESSION, name: "other"})


@pytest.mark.parametrize("changed", [{"digest": "other"}, {"version": "2.0"}])
def test_only_the_samples_of_a_toolchain_that_changed_are_measured_again(
    changed: dict[str, str], tmp_path: Path
) -> None:
    path, cells = tmp_path / "results.json", [Cell(SMALL, "plain_python"), Cell(SMALL, "make")]
    before, _ = measure(path, cells, 1)
    changed_make = {**SESSION["code"]["make"], "revision": "1" * 40, **changed}
    later_plain = {**SESSION["code"]["plain_python"], "revision": "1" * 40}
    code = {"make": changed_make, "plain_python": later_plain}
    store = Store(path, {**SESSION, "code": code})
    assert store.outdated == {"make": 1}
    assert (store.count(cells[1].first_key), store.elapsed_s(cells[1].title)) == (0, [])
    store.save()
    document = json.loads(path.read_text())
    assert document["results"] == [r for r in before["results"] if "make" not in r["command"]]
    kept = document["comparison"]["code"]
    assert (kept["make"], kept["plain_python"]) == (changed_make, SESSION["code"]["plain_python"])


def test_a_session_keeps_the_samples_of_toolchains_that_it_does_not_measure(
    tmp_path: Path,
) -> None:
    path = tmp_path / "results.json"
    before, _ = measure(path, [Cell(SMALL, "make")], 1)
    store = Store(path, {**SESSION, "code": {}})
    store.save()
    after = json.loads(path.read_text())
    assert (after["results"], store.outdated) == (before["results"], {})
    assert after["comparison"]["code"] == SESSION["code"]


def test_a_session_may_name_another_cluster_but_not_change_one(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for clusters in ({"A": "one node"}, {"B": "tuned"}, {"A": "one node"}):
        Store(path, {**SESSION, "clusters": clusters}).save()
    kept = json.loads(path.read_text())["comparison"]["clusters"]
    assert kept == {"A": "one node", "B": "tuned"}
    with pytest.raises(SystemExit, match="another B; fix"):
        Store(path, {**SESSION, "clusters": {"B": "as installed"}})


def test_the_number_of_pods_is_kept_with_the_sample(tmp_path: Path) -> None:
    store, key = Store(tmp_path / "results.json", SESSION), ("w", "cold", "make", "")
    store.add(key, replace(sample(1.0), started=3))
    assert (store.find(key) or {})["started"] == [3]


def test_every_folder_of_toolchains_is_in_the_comparison() -> None:
    assert set(TOOLCHAINS) == {path.parent.name for path in FOLDER.glob("*/toolchain.py")}


def test_checks_of_the_method_run_directly_after_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "results.json", SESSION)
    variants: list[float] = []

    def run(*arguments: Any) -> Sample:
        slowdown = arguments[4] if len(arguments) > 4 else 0
        variants.append(slowdown)
        return sample(1 + slowdown)

    monkeypatch.setattr(measuring, "measure_once", run)
    options = Options(rounds=1, minutes=5)
    Session(store, TOOLCHAINS, options, lambda _: None).run([], checks_method=True)
    assert len(variants) == 3 * 16
    assert all(sum(variants[n : n + 3]) == method_check.SLOWDOWN for n in range(0, 48, 3))
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert {r["parameters"]["variant"] for r in results} == {"", "again", "slowed"}
    assert {len(r["times"]) for r in results} == {16}


def test_a_revision_is_dirty_only_with_changes_in_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "start")
    (tmp_path / ".venv-bench").symlink_to(tmp_path)
    (tmp_path / "notes.md").write_text("")
    assert not machine.describe_revision()["dirty"]
    (tmp_path / "flows" / "a.py").write_text("x = 1")
    assert machine.describe_revision()["dirty"]


def test_a_killed_worker_is_followed_by_the_same_command(tmp_path: Path) -> None:
    phases = (Phase("killed", fails=True), Phase("again"))
    graph = chain_with_kill(4, 3, "fibo", 3)
    workload = Workload("kill", "", graph, phases=phases, kills_worker=True)
    cells = [Cell(workload, "plain_python"), Cell(workload, "make")]
    document, _ = measure(tmp_path / "results.json", cells, 1)
    results = {r["parameters"]["toolchain"]: r for r in document["results"]}
    assert {r["parameters"]["phase"] for r in results.values()} == {"again"}
    assert results["plain_python"]["outs"] == results["make"]["outs"] != ["missing"]
    assert results["plain_python"]["measures"]["tasks"] == [4]
    assert results["make"]["measures"]["tasks"] == [2]
    assert results["plain_python"]["measures"]["tasks_done_twice"] == [2]
    assert results["make"]["measures"]["tasks_done_twice"] == [0]


def test_a_workload_in_which_nothing_was_killed_counts_as_failed(tmp_path: Path) -> None:
    phases = (Phase("killed", fails=True), Phase("again"))
    workload = Workload("kill", "", SMALL.graph, phases=phases, kills_worker=True)
    document, _ = measure(tmp_path / "results.json", [Cell(workload, "make")], 1)
    (result,) = document["results"]
    assert (result["exit_codes"], result["log"]) == ([1], "error: the worker was not killed")


def test_a_graph_that_grows_is_written_again_and_measured_from_then_on(tmp_path: Path) -> None:
    larger = graph_of(chain(3), "fibo", 3)
    phases = (Phase("small", is_timed=False), Phase("larger", graph=larger))
    workload = Workload("grows", "", SMALL.graph, phases=phases)
    cells = [Cell(workload, "plain_python"), Cell(workload, "make")]
    document, _ = measure(tmp_path / "results.json", cells, 1)
    results = {r["parameters"]["toolchain"]: r for r in document["results"]}
    assert {r["parameters"]["phase"] for r in results.values()} == {"larger"}
    assert results["plain_python"]["outs"] == results["make"]["outs"] != ["missing"]
    assert results["make"]["measures"]["tasks"] == [1]


def test_a_toolchain_that_cannot_write_its_files_again_counts_as_failed(tmp_path: Path) -> None:
    def fail(_graph: Graph, _project: Path, _jobs: int) -> None:
        raise subprocess.CalledProcessError(3, "flow", b"begin\n", b"error: no such stage\n")

    phases = (Phase("small", is_timed=False), Phase("larger", graph=SMALL.graph))
    workload = replace(SMALL, phases=phases)
    bench = Bench(tmp_path, 1, time.monotonic() + 60)
    make = replace(TOOLCHAINS["make"], rewrite=fail)
    ((phase, failed),) = measure_phases(bench, workload, "make", make)
    assert (phase, failed.exit_code, failed.log) == ("larger", 3, "error: no such stage")


def test_a_workload_that_needs_more_space_than_there_is_does_not_start(tmp_path: Path) -> None:
    workload = replace(SMALL, disk_gb=1e9)
    document, said = measure(tmp_path / "results.json", [Cell(workload, "make")], 1)
    (result,) = document["results"]
    assert (result["status"], result["exit_codes"]) == ("no room", [])
    assert not [line for line in said if line.startswith("round")]


def test_long_workloads_come_last_and_the_largest_data_after_all() -> None:
    cells = [Cell(workload, "make") for workload in list_workloads()]
    names = [cell.workload.name for cell in sorted(cells, key=rank)]
    assert names[-2:] == ["pipeline-new-month", "move-1-gb"]
    late = {name for name in names if name.endswith(("-1000", "-new-month", "-gb"))}
    assert set(names[-len(late) :]) == late
    assert names.index("killed-worker") < names.index("pipeline") < names.index("fan-out-1000")


def test_an_answer_to_what_changed_is_a_row_of_its_own(tmp_path: Path) -> None:
    phases = (Phase(), Phase("asked", asks=True))
    cells = [Cell(replace(SMALL, phases=phases), name) for name in ("plain_python", "make")]
    document, _ = measure(tmp_path / "results.json", cells, 1)
    rows = {(r["parameters"]["phase"], r["parameters"]["toolchain"]) for r in document["results"]}
    assert rows == {("cold", "plain_python"), ("cold", "make"), ("asked", "make")}
