"""The report of a run: it is well-formed and escaped, and shows the results of the run."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.plots import PlotSpec, plot_specs
from dvc_bridge.pipeline.trace import Execution, RunTrace, StageTrace, Usage
from dvc_bridge.report.charts import chart
from dvc_bridge.report.format import difference, duration, number, size
from dvc_bridge.report.markdown import markdown
from dvc_bridge.report.metric_files import _find_rows, metric_files, parsed, table
from dvc_bridge.report.metrics import metrics_html
from dvc_bridge.report.page import page
from dvc_bridge.report.plot_tables import plot_tables
from dvc_bridge.report.stage_table import OUTCOMES
from dvc_bridge.report.values import RunReport, Table, metric_values

ROC = PlotSpec(
    file="roc.csv",
    title="ROC",
    x="x",
    y="y",
    x_label="false positives",
    y_label="true positives",
    points=False,
    lines="",
    reference=[],
    square=False,
)
NOWHEN = RunTrace("F/1", "metaflow", 0.0)
NOTHING = RunReport("F/1", "F", NOWHEN)
words = some.text(max_size=12)
scalars = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(), words, some.just(10**400)
)
trees = some.recursive(
    scalars,
    lambda inner: some.dictionaries(words, inner, max_size=4) | some.lists(inner, max_size=3),
)
names = some.sampled_from(["a", "b", "<b>", "ü"])
rows = some.lists(some.dictionaries(names, scalars, min_size=1, max_size=4), max_size=12)
specs = some.builds(
    PlotSpec,
    file=some.just("f"),
    title=words,
    x=names | some.just(""),
    y=names | some.just(""),
    x_label=words,
    y_label=words,
    points=some.booleans(),
    lines=names | some.just(""),
    reference=some.sampled_from([[], [[0.0, 0.0], [1.0, 1.0]]]),
    square=some.booleans(),
)
moments = some.floats(0, 1e9)
usages = some.builds(Usage, moments, moments, some.integers(0, 2**40), some.booleans())
executions = some.builds(
    Execution,
    moments,
    some.none() | moments,
    some.none() | moments,
    some.none() | moments,
    usage=some.none() | usages,
    node=words,
)
stages = some.builds(
    StageTrace,
    address=words,
    outcome=some.sampled_from(list(OUTCOMES)),
    waits_for=some.sampled_from([(), (0,)]),
    queued=some.none() | moments,
    reason=words,
    error=words,
    task=some.none() | some.integers(0, 3),
    execution=some.none() | executions,
)
traces = some.builds(
    RunTrace,
    run=words,
    engine=words,
    started=moments,
    ended=some.none() | moments,
    stages=some.lists(stages, max_size=4).map(tuple),
)
reports = some.builds(
    RunReport,
    pathspec=words,
    flow=words,
    trace=traces,
    about=words,
    revision=some.none() | words,
    dirty=some.booleans(),
    notes=some.lists(words, max_size=2),
    outs=some.dictionaries(
        words, some.fixed_dictionaries({"md5": words, "size": some.integers(0)}), max_size=3
    ),
    metrics=some.dictionaries(words, trees, max_size=2),
    before=words,
    before_metrics=some.dictionaries(words, trees, max_size=2),
    plots=some.lists(some.builds(Table, specs, some.none() | rows), max_size=3),
)


def tree(html: str) -> Xml.Element:
    """Parse the page as XML, which tolerates no errors."""
    return Xml.fromstring(html.removeprefix("<!DOCTYPE html>"))  # noqa: S314  our own


def texts(html: str) -> str:
    return " ".join(" ".join(tree(html).itertext()).split())


@settings(max_examples=150, deadline=None)
@given(reports)
def test_any_report_becomes_a_page_that_is_well_formed_and_the_same_twice(
    report: RunReport,
) -> None:
    html = page(report)
    assert html == page(report)
    html.encode()
    assert {element.tag for element in tree(html).iter()} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer"),
        *("h1", "h2", "h3", "p", "dl", "div", "dt", "dd", "small", "code", "wbr", "span"),
        *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "ul", "li"),
        *("svg", "path", "text", "circle", "rect", "g", "bdi", "i", "br", "pre"),
        *("details", "summary"),
    }


def test_names_of_all_kinds_are_shown_as_text() -> None:
    evil = '<script>alert("1")</script>&amp;'
    report = RunReport(
        evil,
        evil,
        RunTrace(evil, evil, 0.0, stages=(StageTrace(evil, "failed", reason=evil, error=evil),)),
        about=evil,
        revision=evil,
        notes=[evil],
        outs={evil: Pointer({"md5": evil, "size": 1, "nfiles": evil})},
        metrics={evil: {evil: {evil: evil}}, "b": {"a": {evil: 1}, "b": {evil: 2}}},
        before=evil,
        before_metrics={evil: {"gone" + evil: 1}},
        plots=[
            Table({**ROC, "title": evil}, None),
            Table({**ROC, "title": evil, "x_label": evil}, [{"x": 1, "y": 2, "m": evil}] * 2),
            Table({**ROC, "x": "w"}, [{"w": evil, "y": 1, "m": "a"}, {"w": "b", "y": 1, "m": "b"}]),
        ],
    )
    html = page(report)

    assert "<script" not in html
    assert texts(html).count(evil) > 12


def test_a_page_needs_nothing_from_elsewhere() -> None:
    html = page(
        RunReport("F/1", "F", NOWHEN, plots=[Table(ROC, [{"x": 0, "y": 0}, {"x": 1, "y": 1}])])
    )
    assert not re.search(r"(src|href|url\(|@import|http)", html)


def test_a_run_with_nothing_to_show_says_so() -> None:
    said = texts(page(NOTHING))
    assert "No stage of this run has metrics" in said
    assert "no git" in said
    assert "Plots" not in said


def test_metrics_of_the_same_names_are_one_table_with_intervals_and_differences() -> None:
    now = {
        "test": {"auc": 0.7341, "auc_low": 0.7039, "auc_high": 0.76, "n": 55403},
        "base": {"auc": 0.6213, "n": 55403},
        "selected": "hgb",
    }
    then = {"test": {"auc": 0.73, "n": 55000}, "selected": "logistic", "old": 1}
    report = RunReport(
        "F/2", "F", NOWHEN, metrics={"m": now}, before="F/1", before_metrics={"m": then}
    )
    selected, matrix = tree(page(report)).findall(".//table")[:2]
    assert ["".join(cell.itertext()) for cell in matrix.findall(".//th")] == [
        *("", "auc", "n"),
        *("test", "base"),
    ]
    cells = [" ".join(cell.itertext()) for cell in matrix.findall(".//td")]
    assert cells == ["0.7341 0.7039 to 0.7600 +0.0041", "55,403 +403", "0.6213", "55,403"]
    (body,) = selected.findall("tbody")
    said = list(body.itertext())
    assert said == ["selected", "hgb", "logistic", "was logistic"]
    assert "Only in F/1: old." in texts(page(report))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (170618, "170,618"),
        (-2, "\N{MINUS SIGN}2"),
        (0.75298, "0.7530"),
        (0.00001234, "1.23e-05"),
        (12345.678, "12,345.7"),
        (1e30, "1e+30"),
        (math.nan, "NaN"),
        (-math.inf, "\N{MINUS SIGN}∞"),
        (10**400, "∞"),
        (True, "True"),
        ("text", "text"),
        (None, "None"),
    ],
)
def test_numbers_read_well(value: Any, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "before", "shown"),
    [
        (0.75, 0.74, "+0.0100"),
        (0.74, 0.75, "\N{MINUS SIGN}0.0100"),
        (0.5, 0.5, "±0"),
        (0.50000001, 0.5, "+1e-08"),
        (math.nan, math.nan, "±0"),
        (math.nan, 1.0, "was 1.0000"),
        (2, "two", "was two"),
        ("a", "a", ""),
    ],
)
def test_differences_have_a_sign_or_the_value_before(value: Any, before: Any, shown: str) -> None:
    assert difference(value, before) == shown


def points(figure: str | None, name: str) -> list[tuple[float, float]]:
    assert figure
    path = next(p for p in tree(figure).iter("path") if p.get("class") == name)
    pairs = (pair.split() for pair in re.split("[ML]", path.get("d", ""))[1:])
    return [(float(x), float(y)) for x, y in pairs]


def test_a_chart_has_a_line_for_each_word_of_the_first_column_of_words() -> None:
    data = [
        {"x": x, "model": m, "y": x * k} for m, k in (("one", 1), ("two", 2)) for x in (0, 1, 2)
    ]
    colours: dict[str, int] = {}
    figure = chart(ROC, data, colours)
    assert colours == {"one": 0, "two": 1}
    one, two = points(figure, "line s0"), points(figure, "line s1")
    assert [x for x, _ in one] == [x for x, _ in two] == [56.0, 242.0, 428.0]
    assert one[0] == two[0]
    assert math.isclose(two[2][1] - two[0][1], 2 * (one[2][1] - one[0][1]), abs_tol=0.2)
    assert chart(ROC, data[3:], colours) == chart(ROC, data[3:], colours)
    assert points(chart(ROC, data[3:], colours), "line s1") != []


@pytest.mark.parametrize("before", [None, {"m": "<i>"}])
def test_texts_as_metrics_are_no_markup(before: Any) -> None:
    html = "".join(metrics_html({"m": "<b>"}, before, compared=before is not None))
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;b&gt;" in html
    assert before is None or html.count("&lt;i&gt;") == 2  # the value and the difference


def test_a_chart_leaves_out_what_is_no_number_and_draws_nothing_of_nothing() -> None:
    values: list[object] = [1, math.nan, "2", None]
    data = [{"x": x, "y": y} for x, y in enumerate(values)]
    assert len(points(chart(ROC, data, {}), "line s0")) == 2
    assert chart(ROC, [{"x": 1, "y": "word"}], {}) is None
    assert chart(ROC, [], {}) is None


def test_plots_can_have_columns_of_several_files_of_any_dvc_yaml() -> None:
    section = [
        {"one x": {"x": {"x.csv": "step"}, "y": {"a.csv": ["auc", "f1"], "../b.csv": "auc"}}},
        {"pairs": {"x": {"a.csv": "n", "c.csv": "m"}, "y": {"a.csv": "auc", "b.csv": "auc"}}},
        {"a.csv": {"x": {"x.csv": "step"}, "y": "auc"}},
    ]
    found = plot_specs([("w", {"plots": [{"h.csv": {"header": False}}]})], [("sub", section)], {})
    assert [(s["file"], s["title"], s.get("x_file"), s["x"], s["y"]) for s in found] == [
        ("w/h.csv", "w/h.csv", None, "", ""),
        ("sub/a.csv", "one x", "sub/x.csv", "step", "auc"),
        ("sub/a.csv", "one x", "sub/x.csv", "step", "f1"),
        ("b.csv", "one x", "sub/x.csv", "step", "auc"),
        ("sub/a.csv", "pairs", None, "n", "auc"),
        ("sub/b.csv", "pairs", "sub/c.csv", "m", "auc"),
        ("sub/a.csv", "sub/a.csv", "sub/x.csv", "step", "auc"),
    ]
    content = {"sub/a.csv": b"auc,n\n.5,1\n", "sub/x.csv": b"step\n10\n", "w/h.csv": b"1,2\n3,4\n"}
    tables = plot_tables(found, content.get)
    assert [table.rows for table in tables] == [
        [{"0": "1", "1": "2"}, {"0": "3", "1": "4"}],
        [{"auc": ".5", "n": "1", "step": "10"}],
        [{"auc": ".5", "n": "1", "step": "10"}],
        None,
        [{"auc": ".5", "n": "1"}],
        None,
        [{"auc": ".5", "n": "1", "step": "10"}],
    ]


def test_each_file_of_a_folder_is_a_plot_unless_it_has_its_own() -> None:
    section = [{"p": {"x": "n"}}, {"p/a.csv": {"x": "m"}}, {"p/sub": {"title": "T"}}]
    folders = {"p": ["p/a.csv", "p/b.csv", "p/sub/c.csv"], "p/sub": ["p/sub/c.csv"]}
    tables = plot_tables(
        plot_specs([], [(".", section)], {}), lambda _: None, lambda path: folders.get(path, [path])
    )
    assert [(t.spec["file"], t.spec["title"], t.spec["x"]) for t in tables] == [
        ("p/b.csv", "p/b.csv", "n"),
        ("p/a.csv", "p/a.csv", "m"),
        ("p/sub/c.csv", "T: p/sub/c.csv", ""),
    ]


@pytest.mark.parametrize(
    "template",
    [
        [],
        {"layer": 5},
        {"layer": [5, None]},
        {"encoding": []},
        {"encoding": {"x": 5, "y": "s", "color": []}},
        {"encoding": {"x": {"scale": 5}}},
        {"layer": [{"encoding": {"x": {"field": 5}, "y": {"field": []}}, "data": 1}]},
        {"layer": [{"encoding": {"x": {"field": []}}, "data": {"values": [{"a": 1}, 5]}}]},
    ],
)
def test_a_template_that_is_none_changes_nothing(template: object) -> None:
    stage = {"plots": [{"a.csv": {"template": "odd"}}]}
    (odd,) = plot_specs([(".", stage)], [], {"odd": template})
    assert (odd["lines"], odd["reference"], odd["square"]) == ("", [], False)


def test_a_column_that_no_row_has_is_not_drawn() -> None:
    assert chart(ROC, [{"step": 1, "y": 2}, {"step": 2, "y": 3}], {}) is None


def test_files_of_metrics_that_are_gone_are_named() -> None:
    report = replace(NOTHING, before="HEAD", before_metrics={"old.json": {"auc": 0.5}})
    assert "Only in HEAD: old.json." in page(report)
    assert "| old.json | auc |  | was 0.5000 |" in markdown(report)


def test_metrics_that_cannot_be_read_are_not_equal_and_not_gone() -> None:
    report = replace(
        NOTHING, metrics={"m.json": None}, before="HEAD", before_metrics={"m.json": {"auc": 0.5}}
    )
    said = markdown(report)
    assert "m.json cannot be read here." in said
    assert "No metric differs" not in said
    assert "auc" not in said


def test_characters_that_reorder_text_do_not_leave_their_name() -> None:
    odd = "\u202eabc\u2066"
    report = replace(NOTHING, notes=[odd], metrics={odd: {odd: odd}})
    for said in (page(report), markdown(report)):
        assert not set(odd[::4]) & set(said)


def test_plots_of_a_dvc_yaml_are_those_of_its_stages_and_its_own() -> None:
    entry = {"plots": [{"m/roc.csv": {"x": "fpr", "y": "tpr", "template": "square"}}, "m/loss.csv"]}
    whole = [
        {"AUC by month": {"x": "month", "y": {"m/months.csv": ["auc", "n"]}, "y_label": "AUC"}},
        "d/m/loss.csv",
        {"other.json": None},
    ]
    template = {
        "layer": [
            {
                "data": {"values": [{"at": 0}, {"at": 1}]},
                "encoding": {"x": {"field": "at"}, "y": {"field": "at"}},
            },
            {
                "encoding": {
                    "x": {"field": "<DVC_METRIC_X>", "scale": {"domain": [0, 1]}},
                    "y": {"field": "<DVC_METRIC_Y>", "scale": {"domain": [0, 1]}},
                    "color": {"field": "model"},
                }
            },
        ]
    }
    found = plot_specs([("d", entry)], [(".", whole)], {"square": template})
    assert [(s["file"], s["title"], s["x"], s["y"]) for s in found] == [
        ("d/m/roc.csv", "d/m/roc.csv", "fpr", "tpr"),
        ("d/m/loss.csv", "d/m/loss.csv", "", ""),
        ("m/months.csv", "AUC by month", "month", "auc"),
        ("m/months.csv", "AUC by month", "month", "n"),
        ("other.json", "other.json", "", ""),
    ]
    square = found[0]
    assert square["square"]
    assert square["lines"] == "model"
    assert square["reference"] == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("file", "content", "rows"),
    [
        ("a.csv", b"x,y\n1,2\n", [{"x": "1", "y": "2"}]),
        ("a.tsv", b"x\ty\n1\t2\n", [{"x": "1", "y": "2"}]),
        ("a.json", b'{"about": 1, "data": [{"x": 1}]}', [{"x": 1}]),
        ("a.yaml", b"- {x: 1}\n", [{"x": 1}]),
        ("a.json", b"[1, 2]", None),
        ("a.json", b"{", None),
        ("a.csv", b"\xff\xfe", None),
        ("a.csv", None, None),
    ],
)
def test_rows_of_plots_are_read_from_every_kind_of_file(
    file: str, content: bytes, rows: Any
) -> None:
    assert table(file, content) == rows


def test_aliases_that_stand_for_a_billion_values_are_not_read() -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}" for n in range(1, 31)]
    assert parsed("m.yaml", "\n".join(lines).encode()) is None
    assert parsed("m.yaml", "\n".join(lines[:5]).encode())["a2"]["x"]["y"] == {"x": 1}
    assert parsed("m.yaml", b"a: &a {b: *a}") is None


def test_metrics_and_rows_are_found_however_deep_they_are() -> None:
    value: dict[str, Any] = {"a": 1, "rows": [{"x": 1}]}
    for _ in range(5000):
        value = {"b": value}
    (name,) = metric_values(value)
    assert name == "b." * 5000 + "a"
    assert _find_rows(value) == [{"x": 1}]


def test_metrics_are_read_from_every_kind_of_file() -> None:
    assert parsed("m.json", b'{"a": NaN}')["a"] != parsed("m.json", b'{"a": NaN}')["a"]
    assert parsed("m.yaml", b"a: 1") == parsed("m.toml", b"a = 1") == {"a": 1}
    assert parsed("metrics.txt", b"rate: 1e-3\nuse: off") == {"rate": 0.001, "use": "off"}
    assert parsed("m.json", b"\xff") is parsed("m.yaml", b"a: [") is None
    assert parsed("m.py", b"x = " + b"-" * 20_000 + b"1") is None
    entry = {"metrics": ["m.json", {"n.json": {"cache": False}}]}
    assert metric_files("sub", entry) == ["sub/m.json", "sub/n.json"]


def test_times_and_sizes_are_as_people_say_them() -> None:
    assert [duration(s) for s in (0.04, 9.9, 61, 120, 130, 7300)] == [
        *("40 ms", "9.9 s", "61 s", "2 min", "2 min 10 s", "2 h 1 min")
    ]
    assert [size(b) for b in (0, 999, 1000, 12_300_000, None)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "12.3 MB", "")
    ]


def test_five_hundred_outs_are_all_listed() -> None:
    outs = {f"o/{i}": Pointer({"md5": f"{i:032x}", "size": i}) for i in range(500)}
    said = texts(page(RunReport("F/1", "F", NOWHEN, outs=outs)))
    assert all(f"{i:032x}" in said for i in range(500))
