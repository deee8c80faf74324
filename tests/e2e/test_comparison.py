"""The comparison of two commits: `dvc metrics diff` and `dvc params diff` are the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.app.comparison import Value, compare
from tests.support.commands import dvc, git
from tests.support.projects import MakeProject

BEFORE = {
    "m.json": '{"auc": 0.5, "runs": [1, 2], "same": 1, "removed": 2, "a": {"b": true, "c": null}}',
    "m.yaml": "rate: 1e-3\nuse: off\nn: 1\n",
    "m.toml": "[a]\nb = 1.5\n",
    "metrics.txt": "score: 0.5\n",
    "single.json": "0.25",
    "old.json": '{"x": 1}',
    "params.yaml": "layers: [1, 2]\nrate: 1e-3\nnone: null\ndepth: 3\nkept: 1\n",
    "params.py": "seed = 1\nclass train:\n    rate = 0.5\n",
}
AFTER = {
    "m.json": '{"auc": 0.75, "runs": [1, 3], "same": 1.0, "added": 2, "a": {"b": false}}',
    "m.yaml": "rate: 0.001\nuse: 'off'\nn: 2\n",
    "m.toml": "[a]\nb = 2.5\n",
    "metrics.txt": "score: 0.75\n",
    "single.json": "0.5",
    "params.yaml": "layers: [1, 3]\nrate: 0.001\ndepth: {most: 4}\nkept: 1\n",
    "params.py": "seed = 2\nclass train:\n    rate = 0.5\n",
}


@pytest.fixture
def project(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a git repository without a commit; it is the current folder."""
    root = make_project({})
    git(root, "init", "--quiet")
    (root / ".dvc/config").write_text("")
    monkeypatch.chdir(root)
    return root


def write(project: Path, files: dict[str, str]) -> None:
    metrics = [{name: {"cache": False}} for name in files if not name.startswith("params")]
    stage: dict[str, Any] = {
        "cmd": "true",
        "metrics": metrics,
        "params": ["kept", {"params.py": ["seed"]}],
    }
    (project / "dvc.yaml").write_text(json.dumps({"stages": {"train": stage}}))
    for name, text in files.items():
        (project / name).write_text(text)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "values")


def differing(values: list[Value]) -> dict[str, dict[str, tuple[Any, Any]]]:
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for value in values:
        if value.changed:
            pair = [str(v) if isinstance(v, list) else v for v in (value.before, value.here)]
            found.setdefault(value.file, {})[value.name] = (pair[0], pair[1])
    return found


def as_dvc(project: Path, kind: str) -> dict[str, dict[str, tuple[Any, Any]]]:
    files = json.loads(dvc(project, kind, "diff", "--json", "HEAD~1", "HEAD"))
    return {
        file: {name: (change["old"], change["new"]) for name, change in values.items()}
        for file, values in files.items()
    }


def test_metrics_and_params_differ_as_dvc_counts_them(project: Path) -> None:
    write(project, BEFORE)
    (project / "old.json").unlink()
    write(project, AFTER)
    compared = compare("HEAD~1")
    assert differing(list(compared.metrics)) == as_dvc(project, "metrics")
    assert differing(list(compared.params)) == as_dvc(project, "params")
    assert "old.json" in differing(list(compared.metrics))


def test_a_commit_without_a_valid_dvc_yaml_can_be_compared_with(project: Path) -> None:
    name = b"caf\xe9".decode(errors="surrogateescape")
    (project / name).mkdir()
    odd = 'stages: {a: {metrics: [1, {b: 2}, {c.json: }, "\\0"], params: [1, {p: 2}]}, b: [1]}'
    (project / name / "dvc.yaml").write_text(odd)
    (project / "dvc.yaml").write_text("stages: [")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "values")
    write(project, AFTER)
    (project / name / "dvc.yaml").unlink()
    values = compare("HEAD~1").metrics
    assert {value.before for value in values} == {None}
