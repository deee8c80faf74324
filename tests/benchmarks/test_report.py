"""The report is a pure function of the results file, and shows what the file contains."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from benchmarks.comparison.report import figures, texts
from benchmarks.comparison.report.analysis import Entry, Row, read_rows
from benchmarks.comparison.report.files import write_report
from benchmarks.comparison.report.markdown import markdown
from benchmarks.comparison.report.measures import break_down, summarize
from benchmarks.comparison.report.page import page
from benchmarks.comparison.report.summaries import (
    OURS_ON_CLUSTER,
    check_method,
    find_costs,
    find_leads,
    find_own_failures,
)
from benchmarks.comparison.report.texts import STARTED
from benchmarks.comparison.statistics import Interval
from benchmarks.comparison.status import Status
from benchmarks.comparison.toolchain import load_toolchains
from tests.benchmarks.documents import SECONDS, TITLES, fill, is_close
from tests.support.paths import GOLDEN


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("comparison") / "results.json"
    fill(path)
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_equal_results_give_the_golden_report(
    name: str, document: dict[str, Any], tmp_path: Path
) -> None:
    write_report(document, tmp_path)
    golden = GOLDEN / "comparison" / name
    assert (tmp_path / name).read_text() == golden.read_text(), f"if that is meant: write {golden}"


def test_the_page_is_well_formed_small_and_asks_for_nothing(document: dict[str, Any]) -> None:
    html = page(document)
    Xml.fromstring(html.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314  our own page
    assert len(html.encode()) < 500_000
    assert "<script" not in html
    assert not re.findall(r"(?:src=|@import|url\(|<link)", html)


def test_names_and_logs_are_escaped(document: dict[str, Any]) -> None:
    html, text = page(document), markdown(document)
    assert "other &lt;script&gt;" in html
    assert "&lt;b&gt;no such file&lt;/b&gt;" in html
    assert "<script" not in text
    assert "other &lt;script&gt;" in text


def test_a_failing_toolchain_is_drawn_as_failed_with_its_exit_code(
    document: dict[str, Any],
) -> None:
    html = page(document)
    assert '<text class="bad"' in html
    assert "exit 7" in html
    assert "failed: exit code 7 in 1 of 1 runs" in html


def test_a_run_that_was_ended_is_drawn_with_the_limit_of_its_workload(
    document: dict[str, Any],
) -> None:
    html = page(document)
    assert "&gt; 240 s</text>" in html
    assert ">over limit: ended at the time limit</td>" in html
    assert "A run ends after 45 s, 240 s in pipeline. A toolchain" in html


def test_a_failed_row_says_why(document: dict[str, Any]) -> None:
    failed = next(r for r in document["results"] if r["parameters"]["toolchain"] == "other")
    line = "ERROR: Unable to acquire lock."
    log = f"ERROR: first\n{line} Another process is running.\nstopped"
    changed = {**document, "results": [{**failed, "log": log}, *document["results"]]}
    assert figures.last_error(log).startswith(line)
    assert figures.last_error("a\nb\n") == "b"
    changed["results"] = [{**r, "log": log} if r == failed else r for r in document["results"]]
    for text in (page(changed), markdown(changed)):
        assert f"failed: exit code 7 in 1 of 1 runs: {line}" in text


def test_the_check_says_when_the_machine_was_too_noisy(document: dict[str, Any]) -> None:
    checks = [r for r in document["results"] if r["parameters"]["workload"] == "method-check"]
    few = [{**result, "times": result["times"][:3]} for result in checks]
    text = markdown({**document, "results": [*few]})
    assert text.count("undecided") == 2


def test_what_a_run_on_a_cluster_started_and_what_the_cluster_is_are_in_the_report(
    document: dict[str, Any],
) -> None:
    changed = copy.deepcopy(document)
    changed["comparison"]["clusters"] = {"COMPARISON_ARGO": "one node, <Argo>"}
    for result in changed["results"]:
        if result["command"] == "fan-out-10 / nothing changed / make":
            result["started"] = [12, 10, 12]
    html, written = page(changed), markdown(changed)
    assert "fan-out-10: nothing changed" in html.partition(STARTED)[2]
    assert ">10 to 12<" in html
    assert "| fan-out-10: nothing changed | GNU make | 10 to 12 |" in written
    for report in (html, written):
        assert "one node, &lt;Argo&gt;" in report
        assert "images were on the nodes" in report
    assert STARTED not in page(document)
    assert STARTED not in markdown(document)


def test_other_outs_count_as_failed(document: dict[str, Any]) -> None:
    entry = read_rows(document)[1].find("wrong")
    assert entry is not None
    assert not entry.is_good
    assert "the outs differ" in entry.reason


def test_the_figures_are_those_of_the_samples(document: dict[str, Any]) -> None:
    html = page(document)
    results = {r["command"]: r for r in document["results"]}
    base = median(results["fan-out-10 / cold / dvc_repro"]["times"])
    for row in read_rows(document)[1:2]:
        for name in SECONDS:
            entry = row.find(name)
            assert entry is not None
            assert entry.median is not None
            middle = median(results[f"fan-out-10 / cold / {name}"]["times"])
            assert is_close(entry.median.value, middle)
            assert entry.ratio is None or is_close(entry.ratio.value, middle / base)
            assert f">{figures.seconds(middle)}<" in html


def test_every_good_sample_is_drawn(document: dict[str, Any]) -> None:
    n_drawn = page(document).count('<circle class="dot')
    n_samples = sum(
        len(result["metg_s"] or result["times"])
        for result in document["results"]
        if result["parameters"]["workload"] != "method-check"
    )
    assert n_drawn == n_samples


def test_the_cost_of_a_further_task_does_not_contain_the_start(document: dict[str, Any]) -> None:
    costs = {cost.toolchain: cost for cost in find_costs(read_rows(document))}
    assert set(costs) == set(SECONDS)
    for name, seconds in SECONDS.items():
        assert costs[name].start_s == pytest.approx(seconds / 4, rel=0.1)
        assert costs[name].per_task_s == pytest.approx(seconds * 0.75 / 9, rel=0.1)
    assert figures.seconds(costs["make"].per_task_s) in page(document)


def find_table(document: dict[str, Any], title: str) -> dict[str, dict[str, str]]:
    """Return toolchain -> column -> text."""
    tables = {table.title: table for table in summarize(document, read_rows(document))}
    table = tables[title]
    return {line[0]: dict(zip(table.columns, line[2:], strict=True)) for line in table.lines}


def test_time_is_split_and_the_cpu_of_plain_python_is_the_work(document: dict[str, Any]) -> None:
    rows = {row.title: row for row in read_rows(document)}
    cold = break_down(rows["fan-out-10"])
    unchanged = break_down(rows["fan-out-10: nothing changed"])
    assert cold is not None
    assert unchanged is not None
    lines = {line[0]: line[2:] for line in cold.lines}
    floor, make = (rows["fan-out-10"].find(name) for name in ("plain_python", "make"))
    assert floor is not None
    assert make is not None
    beyond_s = (make.cpu_s or 0) - (floor.cpu_s or 0)
    dispatch_s = make.measures["dispatch_s"]
    assert lines["make"][0] == figures.seconds(dispatch_s)
    assert lines["make"][3:] == ("10", figures.seconds(beyond_s))
    assert lines["plain_python"][-1] == ""
    assert unchanged.columns == ("dispatch", "work", "bookkeeping", "tasks run")
    assert {line[0]: line[-1] for line in unchanged.lines}["make"] == "0"
    assert break_down(rows["METG(50 %), taskbench-chain"]) is None
    assert figures.seconds(beyond_s) in page(document)


def test_tables_over_several_rows_have_what_was_measured(document: dict[str, Any]) -> None:
    feedback = find_table(document, "Feedback after an edit")
    assert feedback["dvc_repro"] == {
        "what changed? (fan-out-10)": "750 ms",
        "first new metric: one parameter changed": "7.25 s",
    }
    stored = find_table(document, "What a user writes, and what is stored")
    assert stored["dvc_repro"] == {
        "lines for 10 tasks": "44",
        "each further task": "4",
        "stored: move-50-mb": "1.30 GB",
    }
    assert stored["plain_python"]["stored: move-50-mb"] == "150 MB"
    for text in (page(document), markdown(document)):
        assert "Feedback after an edit" in text
        assert "1.30 GB" in text


def test_a_killed_worker_is_followed_by_the_same_result_or_a_failure(
    document: dict[str, Any],
) -> None:
    killed = find_table(document, "After a worker was killed")
    assert killed["other"]["second command"] == "other resume"
    assert killed["make"]["second command"] == "the same"
    results = {name: (cells["result"], cells["tasks run"]) for name, cells in killed.items()}
    assert results["dvc_repro"] == ("as without the kill", "5")
    assert results["plain_python"] == ("as without the kill", "10")
    assert results["make"][0].startswith("failed: exit code 0, but the outs differ")
    assert "LockError: locked by process 7" in results["other"][0]


def test_a_results_file_without_measures_has_a_report(document: dict[str, Any]) -> None:
    results = [{k: v for k, v in r.items() if k != "measures"} for r in document["results"]]
    assert "Feedback" in page({**document, "results": results})
    assert "first new metric:" not in page({**document, "results": results})


def test_rivals_that_are_ahead_come_before_limitations_and_results(
    document: dict[str, Any],
) -> None:
    html = page(document)
    leads = {(lead.row.title, lead.entry.toolchain) for lead in find_leads(read_rows(document))}
    assert ("fan-out-10", "make") in leads
    assert not [name for _, name in leads if name in {"dvc_repro", "plain_python"}]
    places = [html.index(f">{word}") for word in ("Where others", "Limitations", "Every workload")]
    assert places == sorted(places)


def test_a_rival_on_a_cluster_is_compared_with_submit_on_the_same_cluster() -> None:
    seconds = {
        "dvc_bridge_repro": 1.0,
        "dvc_bridge_argo": 9.0,
        "dvc_bridge_slurm": 4.0,
        "slurm_by_hand": 3.0,
        "klej": 8.0,
        "argo_by_hand": 10.0,
    }
    entries = tuple(
        Entry(name, name, Status.MEASURED, "", (wall_s,), Interval(wall_s, wall_s, wall_s))
        for name, wall_s in seconds.items()
    )
    (lead,) = find_leads([Row("fan-out-10", "cold", "", "", False, 600.0, entries)])
    assert (lead.entry.toolchain, lead.ratio.value) == ("slurm_by_hand", 0.75)


def test_a_failure_of_submit_on_a_cluster_is_named_with_the_rivals_there() -> None:
    figure = Interval(9.0, 9.0, 9.0)
    failed = Entry("dvc_bridge_slurm", "submit", Status.FAILED, "exit code 1", exit_codes=(1,))
    rivals = [Entry(name, name, Status.MEASURED, "", (9.0,), figure) for name in OURS_ON_CLUSTER]
    row = Row("fan-out-10", "cold", "", "", False, 600.0, (failed, *rivals))
    (failure,) = find_own_failures([row])
    assert failure.entry is failed
    assert {rival.toolchain for rival in failure.rivals} == {"klej", "slurm_by_hand"}


def test_every_rival_on_a_cluster_has_one_of_ours_to_be_compared_with() -> None:
    toolchains = load_toolchains()
    on_cluster = {name for name, toolchain in toolchains.items() if toolchain.cluster}
    rivals = {name for name in on_cluster if not name.startswith("dvc_bridge_")}
    assert OURS_ON_CLUSTER.keys() == rivals
    for rival, ours in OURS_ON_CLUSTER.items():
        assert toolchains[ours].cluster == toolchains[rival].cluster


def test_a_row_in_which_ours_exceeds_the_limit_and_a_rival_does_not_is_named_first(
    document: dict[str, Any],
) -> None:
    for result in document["results"]:
        words = result["parameters"]
        if (words["workload"], words["toolchain"]) == ("fan-out-10", "dvc_bridge_repro"):
            result.update(times=[], exit_codes=[124])
    rows = read_rows(document)
    (row,) = [row for row in rows if row.title == "fan-out-10"]
    make, dvc = (row.find(name) for name in ("make", "dvc_repro"))
    assert make is not None
    assert dvc is not None
    expected = [f"{e.title} {figures.seconds(median(e.times))}" for e in (make, dvc)]
    (first, *_) = texts.leads(document, rows)
    assert first == (
        "fan-out-10: dvc-bridge repro has no time (over limit: ended at the time limit);"
        f" {', '.join(expected)}."
    )


def test_the_method_finds_the_planted_slowdown_and_nothing_else(document: dict[str, Any]) -> None:
    again, slowed, n_pairs = check_method(document)
    assert again is not None
    assert slowed is not None
    assert not again.is_shown
    assert n_pairs == 16
    assert slowed.is_shown
    assert "WHICH IS WRONG" not in page(document)


def test_pictures_for_the_readme_have_a_style_of_their_own(
    document: dict[str, Any], tmp_path: Path
) -> None:
    document["comparison"]["workloads"][1]["name"] = "fan-out-100"
    for result in document["results"]:
        if result["parameters"]["workload"] == "fan-out-10":
            result["parameters"]["workload"] = "fan-out-100"
    write_report(document, tmp_path)
    picture = (tmp_path / "fan-out-100.svg").read_text()
    assert Xml.fromstring(picture).tag.endswith("svg")  # noqa: S314  our own picture
    assert "<style>" in picture
    assert TITLES["make"] in picture


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00123, "1.23 ms"),
        (0.5, "500 ms"),
        (1.234, "1.23 s"),
        (45.67, "45.7 s"),
        (600, "10.0 min"),
    ],
)
def test_times_have_three_digits(seconds: float, text: str) -> None:
    assert figures.seconds(seconds) == text
