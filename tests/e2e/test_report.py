"""`dvc-bridge report` of local runs: metrics and params differ as DVC counts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dvc_bridge.app.report import run_report
from dvc_bridge.report.values import metric_values
from tests.support.commands import dvc, git
from tests.support.paths import REPOSITORY
from tests.support.projects import CallBridge, MakeProject

SCORE = (
    'python3 -c \'import yaml, json; p = yaml.safe_load(open("params.yaml"));'
    ' json.dump({"auc": p["train"]["depth"] / 10, "n": [1, 2], "same": {"x": 1}},'
    ' open("m.json", "w")); open("roc.csv", "w").write("x,y\\n0,0\\n1,1\\n")\''
)
STAGES: dict[str, Any] = {
    "data": {"cmd": "cat raw > data", "deps": ["raw"], "params": ["size"], "outs": ["data"]},
    "train": {
        "cmd": SCORE,
        "deps": ["data"],
        "params": ["train"],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": ["roc.csv"],
    },
}
SCHEMA = json.loads((REPOSITORY / "dvc_bridge/report/trace.schema.json").read_text("utf-8"))
PARAMS = "size: 1\ntrain: {depth: 5, layers: [1, 2]}\nunused: 1\n"


@pytest.fixture
def project(
    make_project: MakeProject, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project of which a run is committed; then params were changed and a second run made."""
    root = make_project(STAGES, {"raw": "1", "params.yaml": PARAMS})
    git(root, "init", "--quiet")
    (root / ".dvc/config").write_text("")
    (root / ".gitignore").write_text("/.dvc/tmp\n/.dvc/cache\n")
    call_bridge(root, "repro", "--plain")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "one")
    (root / "params.yaml").write_text("size: 1\ntrain: {depth: 6, layers: [1, 3]}\nunused: 2\n")
    call_bridge(root, "repro", "--plain")
    monkeypatch.chdir(root)
    return root


def test_it_counts_differences_as_dvc_does(project: Path) -> None:
    report = run_report()
    metrics = json.loads(dvc(project, "metrics", "diff", "--json"))
    params = json.loads(dvc(project, "params", "diff", "--deps", "--json"))
    now = metric_values(report.metrics["m.json"])
    before = metric_values(report.before_metrics["m.json"])
    assert now.keys() == before.keys()
    differing = {name: (old, now[name]) for name, old in before.items() if now[name] != old}
    assert differing == {k: (v["old"], v["new"]) for k, v in metrics["m.json"].items()}
    assert report.params
    assert {(c.name.partition(":")[2], str(c.old), str(c.new)) for c in report.params} == {
        (name, str(change["old"]), str(change["new"]))
        for name, change in params["params.yaml"].items()
    }


def test_a_run_is_a_page_markdown_json_and_one_side_of_a_comparison(
    project: Path, call_bridge: CallBridge
) -> None:
    page = call_bridge(project, "report")
    assert "<h2>Plots</h2>" in page
    assert "params.yaml:train" in page, page[page.index("<h2>Stages") :][:1500]
    markdown = call_bridge(project, "report", "--markdown", "--base", "HEAD")
    assert "| m.json | auc | 0.6000 | +0.1000 |" in markdown
    trace = json.loads(call_bridge(project, "report", "--json"))
    assert [stage["outcome"] for stage in trace["stages"]] == ["up to date", "ran"]
    first = next(
        path.stem
        for path in sorted(
            (project / ".dvc/tmp/dvc-bridge/runs").iterdir(), key=lambda p: p.stat().st_mtime
        )
    )
    both = call_bridge(project, "report", first, trace["run"], "--markdown")
    assert "| params.yaml.train.depth | 5 | 6 |" in both
    assert "| m.json.auc | 0.5 | 0.6 | +0.1000 |" in both
    written = call_bridge(project, "report", "-o", "page.html")
    assert (project / "page.html").read_text() == page
    assert f"{trace['run']} is in page.html" in written


def test_with_prices_a_run_has_a_cost(project: Path, call_bridge: CallBridge) -> None:
    settings = "prices: {currency: EUR, cpu_hour: 3600, gb_moved: 1}\n"
    (project / "dvc-bridge.yaml").write_text(settings)
    document = json.loads(call_bridge(project, "report", "--json"))
    jsonschema.validate(document, SCHEMA)
    used = [s["execution"]["usage"] for s in document["stages"] if s["outcome"] == "ran"]
    cpu_s = sum(usage["user_s"] + usage["system_s"] for usage in used)
    assert document["cost"]["amount"] == pytest.approx(cpu_s)
    assert document["cost"]["unknown"] == ["What runs of the engine local move is not recorded."]
    assert "### Cost: " in call_bridge(project, "report", "--markdown")
    assert "<h2>Cost</h2>" in call_bridge(project, "report")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["local-none"], "there is no trace of run local-none\nfix: known runs: local-"),
        (["--base", "nowhere"], "DVC cannot read revision nowhere"),
        (["a", "b", "c"], "report takes one or two runs"),
        (["a", "b", "--json"], "--json is for one run"),
    ],
)
def test_what_it_cannot_report_is_refused(
    project: Path, call_bridge: CallBridge, words: list[str], problem: str
) -> None:
    assert problem in call_bridge(project, "report", *words, code=2)


def test_without_git_there_is_nothing_to_compare_with(
    make_project: MakeProject, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(STAGES, {"raw": "1", "params.yaml": PARAMS})
    assert "no run of this project has a trace yet" in call_bridge(root, "report", code=2)
    call_bridge(root, "repro", "--plain")
    monkeypatch.chdir(root)
    report = run_report()
    assert (report.before, report.params, report.revision) == ("", None, None)
