"""The page and the Markdown of a traced run: times, graph, costs and suggestions."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as Xml

import pytest

from dvc_bridge.pipeline.plots import plot_specs
from dvc_bridge.pipeline.trace import (
    Execution,
    RunTrace,
    StageTrace,
    Usage,
    plain_trace,
    trace_from_plain,
)
from dvc_bridge.report.comparison import comparison_markdown, comparison_page
from dvc_bridge.report.graph import mermaid
from dvc_bridge.report.graph_fold import MOST_NODES, fold
from dvc_bridge.report.markdown import markdown
from dvc_bridge.report.page import page
from dvc_bridge.report.suggestion import suggested_settings
from dvc_bridge.report.timing import Phases, critical_path, lanes, spans, total
from dvc_bridge.report.values import ParamChange, RunReport, Table

MIB = 2**20
ODD = [
    "<b onclick='x'>&\"'`|*",
    "\u202e\u0645\u0631\u062d\u0644\u0629",
    "x" * 300,
    "a_b_c*d|e",
    "two\nlines",
]


def _stage(
    name: str, start: float, *waits_for: int, work: float = 2.0, **more: object
) -> StageTrace:
    """Return a stage that is queued, decided, run and recorded for a second each."""
    usage = Usage(work / 2, work / 2, 100 * MIB)
    execution = Execution(start + 1, start + 3 + work, start + 2, start + 2 + work, 0, usage)
    stage = StageTrace(name, "ran", waits_for, start, "always runs", execution=execution)
    return replace(stage, **more)  # type: ignore[arg-type]


DIAMOND = RunTrace(
    "local-1",
    "local",
    0.0,
    ended=15.0,
    jobs=2,
    predicted_s=12.0,
    stages=(
        _stage("a", 0),
        _stage("b", 5, 0, work=4.0),
        _stage("c", 5, 0),
        StageTrace("same", "up to date", (1,)),
        _stage("d", 12, 2, 3, work=1.0),
    ),
)


def _report(trace: RunTrace) -> RunReport:
    return RunReport(trace.run, "project", trace)


def _many(count: int, name: str = "s{}") -> RunTrace:
    stages = [
        _stage(name.format(i), float(i // 8), *([i - 8] if i >= 8 else [])) for i in range(count)
    ]
    return replace(DIAMOND, stages=tuple(stages), ended=float(count))


def test_the_phases_of_a_stage_are_told_apart() -> None:
    assert total(spans(DIAMOND)[:1]) == Phases(waiting=1, work=2, bookkeeping=2)
    in_task = replace(DIAMOND, stages=(_stage("a", 0, task=0), _stage("b", 5, 0, task=0)))
    assert total(spans(in_task)) == Phases(waiting=1, dispatch=1, work=4, bookkeeping=4)


def test_the_critical_path_follows_what_ended_last_through_unchanged_stages() -> None:
    path = critical_path(DIAMOND, spans(DIAMOND))
    assert [span.stage.address for span in path] == ["a", "b", "d"]


def test_the_critical_path_of_a_remote_run_follows_tasks() -> None:
    # `last` needs only `fast`, but its task waits for all of the task upstream, with `slow`.
    stages = (
        _stage("fast", 0, task=0),
        _stage("slow", 6, task=0, work=20.0, queued=0.0),
        _stage("other", 0, task=1),
        _stage("last", 31, 0, task=2),
        _stage("after", 37, task=2),
    )
    trace = replace(DIAMOND, stages=stages)
    path = critical_path(trace, spans(trace))
    assert [span.stage.address for span in path] == ["fast", "slow", "last", "after"]
    # The time in which `slow` waited for `fast` is that of `fast`.
    assert total(path).waiting + total(path).dispatch == 5


def test_stages_share_a_row_only_if_they_do_not_overlap() -> None:
    rows = [[span.stage.address for span in row] for row in lanes(spans(DIAMOND))]
    assert rows == [["a", "b", "d"], ["c"]]


def test_a_stage_that_still_runs_lasts_until_now() -> None:
    running = StageTrace("a", "running", execution=Execution(1.0, command_started=2.0))
    (span,) = spans(replace(DIAMOND, stages=(running,), ended=None))
    assert span.ended == 2.0
    assert "has not ended" in page(_report(replace(DIAMOND, stages=(running,), ended=None)))


@pytest.mark.parametrize(
    ("count", "name", "folded_by"),
    [
        (MOST_NODES, "s{}", ""),
        (MOST_NODES + 1, "s@{}", "foreach and matrix"),
        (10_000, "s{}", "level"),
    ],
)
def test_a_graph_is_folded_only_as_far_as_necessary(count: int, name: str, folded_by: str) -> None:
    graph = fold(_many(count, name).stages)
    assert graph.folded_by == folded_by
    assert len(graph.nodes) <= MOST_NODES
    assert sum(node.count for node in graph.nodes) == count


@pytest.mark.parametrize(("count", "most_bytes"), [(1000, 500_000), (10_000, 1_000_000)])
def test_a_page_of_many_stages_stays_small(count: int, most_bytes: int) -> None:
    stages = tuple(
        replace(stage, reason="dep data/raw.csv changed from 12345678 to 87654321", task=place)
        for place, stage in enumerate(_many(count, "train@{}-some-name").stages)
    )
    html = page(_report(replace(DIAMOND, stages=stages)))
    assert len(html.encode()) < most_bytes
    assert len(markdown(_report(replace(DIAMOND, stages=stages)))) < 65_536


def test_odd_names_break_neither_page_nor_markdown() -> None:
    stages = tuple(
        _stage(name, place, outcome="failed", error=name, reason=name)
        for place, name in enumerate(ODD)
    )
    report = replace(
        _report(replace(DIAMOND, stages=stages)),
        params=[ParamChange(name, name, None) for name in ODD],
        before=ODD[0],
    )
    for html in (page(report), comparison_page(report, _report(DIAMOND))):
        Xml.fromstring(html.removeprefix("<!DOCTYPE html>"))  # noqa: S314  our own
        assert "<b onclick" not in html
    for text in (markdown(report), comparison_markdown(report, _report(DIAMOND))):
        tables = [line for line in text.splitlines() if line.startswith("|")]
        assert tables
        for line, after in pairwise(tables):
            if set(after) <= set("|-:"):
                assert _cells(line) == _cells(after)
        assert "<b onclick" not in text
    assert '"' not in re.sub(r'(n\d+)\["|"\]:::', "", mermaid(fold(stages)))


def _cells(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line))


def test_equal_traces_give_equal_bytes() -> None:
    again = trace_from_plain(plain_trace(DIAMOND))
    assert again == DIAMOND
    assert page(_report(again)) == page(_report(DIAMOND))
    assert markdown(_report(again)) == markdown(_report(DIAMOND))


def test_a_trace_of_a_newer_version_with_more_keys_is_read() -> None:
    value = plain_trace(DIAMOND)
    value["new"] = 1
    value["stages"][0]["execution"]["usage"]["new"] = 1
    assert trace_from_plain(value) == DIAMOND


def test_requests_are_suggested_per_family_with_headroom() -> None:
    stages = [
        _stage("train@a", 0, work=10.0),
        _stage("train@b", 0, work=10.0),
        _stage("odd[1]", 0, work=0.1),
    ]
    assert suggested_settings(stages).splitlines() == [
        "stages:",
        '  "train@*":',
        "    memory: 256Mi  # largest process 104.9 MB",
        "    cpu: 1  # used 1.00 for 10 s",
        '  "odd[[]1]":',
        "    memory: 256Mi  # largest process 104.9 MB",
    ]


def test_the_markdown_says_what_a_reviewer_asks() -> None:
    report = replace(
        _report(DIAMOND),
        metrics={"m.json": {"auc": 0.75, "same": 1}},
        before="HEAD",
        before_metrics={"m.json": {"auc": 0.5, "same": 1}},
        params=[ParamChange("params.yaml:depth", 3, 4)],
    )
    text = markdown(report)
    assert "took 15 s (predicted 12 s)" in text
    assert "Critical path: a 4.0 s → b 6.0 s → d 3.0 s" in text
    assert "| m.json | auc | 0.7500 | +0.2500 |" in text
    assert "same" not in text.partition("### Params")[0].partition("### Metrics")[2]
    assert "| params.yaml:depth | 3 | 4 |" in text
    assert "```mermaid\nflowchart LR\n" in text


def test_two_runs_are_compared_by_what_differs() -> None:
    slower = replace(DIAMOND.stages[1], reason="cmd changed from 1 to 2")
    assert slower.execution
    slower = replace(slower, execution=replace(slower.execution, command_ended=20.0))
    other = replace(DIAMOND, run="local-2", stages=(DIAMOND.stages[0], slower))
    text = comparison_markdown(_report(DIAMOND), _report(other))
    assert "| b | time | 4.0 s | 13 s |" in text
    assert "| b | reason | always runs | cmd changed from 1 to 2 |" in text
    assert "| c | in the run | yes | no |" in text
    assert "| a |" not in text


def test_two_runs_of_which_metrics_are_lost_are_not_said_to_have_none() -> None:
    one = replace(_report(DIAMOND), metrics={"m.json": None, "n.json": {"x": 1}})
    other = replace(_report(DIAMOND), metrics={"m.json": {"auc": 1}, "n.json": {"x": 1}})
    text = comparison_markdown(one, other)
    assert "| m.json | cannot be read here |  |  |" in text
    assert "none" not in text.partition("### Metrics")[2]
    assert "cannot be read here" in comparison_page(one, other)


def test_two_runs_that_differ_in_everything_are_a_comment_on_github() -> None:
    stages = [_stage(f"s{n}", n, reason=f"because of {n} {'x' * 300}") for n in range(2000)]
    others = [replace(stage, reason="z" * 300, outcome="failed") for stage in stages]
    inputs = {f"params.yaml.{n}": "p" * 300 for n in range(1000)}
    one = replace(_report(replace(DIAMOND, stages=tuple(stages))), inputs=inputs)
    other = replace(_report(replace(DIAMOND, stages=tuple(others))), inputs={})
    text = comparison_markdown(one, other)
    assert len(text) < 65_536
    assert "3,960 more rows differ." in text
    assert len(comparison_page(one, other)) < 1_000_000


def test_metrics_plots_and_long_texts_do_not_make_a_page_large() -> None:
    metrics = {f"m/{n}.json": {"auc": n, "same": {"a": 1, "b": 2}} for n in range(1000)}
    before = {file: {"auc": 999, "same": {"a": 1, "b": 2}} for file in metrics}
    specs = plot_specs([(".", {"plots": [f"p/{n}.csv" for n in range(1000)]})], [], {})
    rows = [{"x": n, "y": n * n} for n in range(50)]
    long = "x" * 100_000
    failed = tuple(_stage(f"s{n}", n, outcome="failed", error=long) for n in range(1000))
    report = replace(
        _report(replace(DIAMOND, stages=failed)),
        metrics={**metrics, "long.json": {"text": long}, **{f"u{n}": None for n in range(1000)}},
        before="HEAD",
        before_metrics=before,
        plots=[Table(spec, rows) for spec in specs],
        params=[ParamChange(f"p:{n}", long, n) for n in range(1000)],
    )
    said = page(report)
    assert len(said) < 1_000_000
    assert said.count('<svg class="chart"') >= 12
    assert "more plots: p/" in said
    assert said.count("m/0.json") == 1
    assert "<h3>m/999.json</h3>" not in said, "equal metrics are left out first"
    assert "more metrics are not shown" in said
    assert "700 more differ." in said


def test_the_time_before_a_step_of_metaflow_is_dispatch() -> None:
    run = replace(DIAMOND, engine="metaflow")
    assert total(spans(DIAMOND)).waiting == total(spans(run)).dispatch > 0
    assert total(spans(run)).waiting == total(spans(DIAMOND)).dispatch == 0
