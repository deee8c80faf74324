"""Metrics, params and plots of a run in all places where DVC finds them; DVC is the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.app.comparison import compare
from dvc_bridge.app.report import run_report
from dvc_bridge.report.values import RunReport, is_same, metric_values
from tests.support.commands import dvc, git
from tests.support.projects import CallBridge, MakeProject

_CSV = r"printf 'step,v\n1,2\n'"
ROOT: dict[str, Any] = {
    "metrics": ["live/metrics.json"],
    "plots": [
        {"live/plots": {"x": "step"}},
        {"joined": {"x": {"live/plots/a.csv": "step"}, "y": {"x.csv": "v"}}},
    ],
    "params": ["top.yaml"],
    "stages": {
        "live": {
            "cmd": f"mkdir -p live/plots; echo '{{\"acc\": ${{lr}}}}' > live/metrics.json;"
            f" {_CSV} > live/plots/a.csv; cp live/plots/a.csv x.csv",
            "params": ["lr"],
            "outs": ["live", "x.csv"],
        },
        "each": {
            "foreach": ["a", "b"],
            "do": {
                "cmd": 'mkdir -p m-${item}; echo \'{"v": ${lr}, "l": [1]}\' > m-${item}/m.json',
                "params": ["lr"],
                "metrics": [{"m-${item}": {"cache": False}}],
            },
        },
        "drawn": {"cmd": f"mkdir -p pl; {_CSV} > pl/b.csv", "plots": ["pl"]},
        "old": {
            "cmd": "echo '{\"x\": ${lr}}' > old.json",
            "params": ["lr", {"values.py": ["pair"]}, {"tuple.py": None}],
            "metrics": ["old.json"],
        },
    },
}
SUB: dict[str, Any] = {
    "metrics": ["deep/top.json"],
    "plots": [{"deep/c.csv": {"x": "step"}}],
    "params": ["subtop.yaml"],
    "stages": {
        "s": {
            "wdir": "deep",
            "cmd": f"cp p.yaml top.json; cp p.yaml same.json; {_CSV} > c.csv",
            "params": [{"p.yaml": None}],
            "metrics": ["same.json"],
            "outs": ["top.json", "c.csv"],
        }
    },
}
FILES = {
    "params.yaml": "lr: 0.1\nunused: 1\n",
    "top.yaml": "t: 1\n",
    "values.py": "pair = [1, 2]\nother = 1\n",
    "tuple.py": "t = (1, 2)\n",
    "sub/subtop.yaml": "y: 1\n",
    "sub/deep/p.yaml": '{"a": 1, "gone": 2}',
    "sub/dvc.yaml": json.dumps(SUB),
    ".gitignore": "/.dvc/tmp\n/.dvc/cache\n",
    ".dvc/config": "",
}


@pytest.fixture
def project(make_project: MakeProject, call_bridge: CallBridge) -> Path:
    """A project of which a run is committed; then params were changed and a second run made."""
    root = make_project({})
    for name, text in {**FILES, "dvc.yaml": json.dumps(ROOT)}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "--quiet")
    call_bridge(root, "repro", "-P", "-q")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "one")
    stages = {name: stage for name, stage in ROOT["stages"].items() if name != "old"}
    (root / "dvc.yaml").write_text(json.dumps({**ROOT, "stages": stages}))
    (root / "params.yaml").write_text("lr: 0.2\nunused: 2\n")
    (root / "top.yaml").write_text("t: 2\n")
    (root / "values.py").write_text("pair = [1, 2]\nother = 2\n")
    (root / "sub/subtop.yaml").write_text("y: 2\n")
    (root / "sub/deep/p.yaml").write_text('{"a": 3, "new": {"b": 1}}')
    call_bridge(root, "repro", "-P", "-q")
    return root


def _as_dvc(root: Path, *command: str) -> dict[str, tuple[Any, ...]]:
    return {
        f"{file}:{name}": _shown(change["old"], change["new"])
        for file, values in json.loads(dvc(root, *command, "--json")).items()
        for name, change in values.items()
    }


def _shown(*values: Any) -> tuple[Any, ...]:
    """Return values as `dvc params diff` shows them: some lists are texts."""
    return tuple(str([*v]) if isinstance(v, list | tuple) else v for v in values)


def _metrics(report: RunReport) -> dict[str, tuple[Any, ...]]:
    found = {}
    for file in {*report.metrics, *report.before_metrics}:
        new = metric_values(report.metrics.get(file))
        old = metric_values(report.before_metrics.get(file))
        for name in {*new, *old}:
            if not is_same(new.get(name), old.get(name)):
                found[f"{file}:{name}"] = (old.get(name), new.get(name))
    return found


def test_a_run_differs_as_dvc_counts_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = _as_dvc(project, "metrics", "diff")
    params = _as_dvc(project, "params", "diff", "--deps")
    for folder in (project, project / "sub/deep"):
        monkeypatch.chdir(folder)
        report = run_report()
        assert _metrics(report) == metrics
        assert {c.name: _shown(c.old, c.new) for c in report.params or ()} == params
    assert {"old.json:x", "m-a/m.json:v", "sub/deep/top.json:new.b"} < metrics.keys()
    assert "values.py:pair" in params
    assert [(table.spec["file"], len(table.rows or ())) for table in report.plots] == [
        ("pl/b.csv", 1),
        ("live/plots/a.csv", 1),
        ("x.csv", 1),
        ("sub/deep/c.csv", 1),
    ]
    assert report.notes == []


def test_the_current_files_differ_as_dvc_counts_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    compared = compare("HEAD")
    found = [
        {f"{v.file}:{v.name}": _shown(v.before, v.here) for v in values if v.changed}
        for values in (compared.metrics, compared.params)
    ]
    assert found == [_as_dvc(project, "metrics", "diff"), _as_dvc(project, "params", "diff")]
    assert (compared.plots, compared.unread) == ([], [])


def test_an_earlier_run_is_reported_as_it_was(project: Path, call_bridge: CallBridge) -> None:
    def trace() -> str:
        run: str = json.loads(call_bridge(project, "report", "--json"))["run"]
        return run

    two = trace()
    call_bridge(project, "repro", "-P", "-q")
    unchanged = trace()
    (project / "params.yaml").write_text("lr: 0.3\n")
    call_bridge(project, "repro", "-P", "-q")
    three = trace()
    assert _metrics(run_report(two)) == _metrics(run_report(unchanged))
    assert run_report(unchanged).outs == run_report(two).outs != run_report(three).outs
    both = call_bridge(project, "report", unchanged, three, "--markdown")
    _, _, params = both.partition("### Params")
    assert "| params.yaml.lr | 0.2 | 0.3 |\n\n### Metrics" in params
    assert "| live/metrics.json.acc | 0.2 | 0.3 | +0.1000 |" in params
    # A stage that does not exist any more.
    (project / "sub/dvc.yaml").unlink()
    report = run_report(three)
    assert list(report.notes) == [
        "The project does not have sub/dvc.yaml:s any more: metrics and plots of it are not shown."
    ]


@pytest.mark.parametrize("base", ["workspace", "", "HEAD^{tree}", "HEAD..HEAD", "-x", "nowhere"])
def test_what_is_no_commit_is_refused(
    make_project: MakeProject, call_bridge: CallBridge, base: str
) -> None:
    root = make_project({"a": {"cmd": "true"}})
    git(root, "init", "--quiet")
    (root / ".dvc/config").write_text("")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "one")
    call_bridge(root, "repro", "-q")
    assert "fix: name another: --base REV" in call_bridge(root, "report", f"--base={base}", code=2)


def test_a_broken_commit_is_not_compared_with(
    make_project: MakeProject, call_bridge: CallBridge
) -> None:
    root = make_project({"a": {"cmd": "true"}})
    valid = (root / "dvc.yaml").read_text()
    git(root, "init", "--quiet")
    (root / ".dvc/config").write_text("")
    (root / "dvc.yaml").write_text("stages: [")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", "broken")
    (root / "dvc.yaml").write_text(valid)
    call_bridge(root, "repro", "-q")
    assert "DVC cannot read revision HEAD: " in call_bridge(root, "report", "--base=HEAD", code=2)
    assert "**Note:** DVC cannot read revision HEAD: " in call_bridge(root, "report", "--markdown")
    (root / "dvc.yaml").write_text("stages: [")
    assert json.loads(call_bridge(root, "report", "--json"))["engine"] == "local"
