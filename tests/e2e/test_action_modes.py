"""The Action's modes `repro`, `report` and `convert`."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.support.action_step import step
from tests.support.commands import dvc_status, git

STAGES = {
    "train": {
        "cmd": "python3 train.py",
        "deps": ["train.py"],
        "params": ["lr", "name"],
        "metrics": [{"m.json": {"cache": False}}],
        "plots": [{"loss.csv": {"cache": False, "x": "step", "y": "loss"}}],
    },
    "after": {"cmd": "cp m.json copy", "deps": ["m.json"], "outs": ["copy"]},
}
TRAIN = """
import json
lr = float(open("params.yaml").read().split()[1])
json.dump({"auc": 1 - lr, "rows": 10, "name": "a"}, open("m.json", "w"))
open("loss.csv", "w").write(f"step,loss\\n1,{lr}\\n2,{lr / 2}\\n")
"""


@pytest.fixture(scope="module")
def built(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in git whose stages have never run."""
    root = shutil.copytree(empty_project, tmp_path_factory.mktemp("modes") / "project")
    (root / ".dvc" / "config").write_text("")
    (root / "train.py").write_text(TRAIN)
    (root / "params.yaml").write_text("lr: 0.25\nname: one\n")
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "1")
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "project")


def commit(root: Path) -> None:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "next")


def test_repro_ends_where_dvc_repro_does_and_reports_the_outcomes(
    project: Path, tmp_path: Path
) -> None:
    result = step(project, tmp_path / "runner", mode="repro", jobs="2")
    assert result.code == 0, result.log
    assert dvc_status(project) == {}
    assert (result.outputs["will-run"], result.outputs["changed"]) == ("2", "true")
    assert "<code>train</code> | ran" in result.summary
    again = step(project, tmp_path / "runner", mode="repro")
    assert (again.outputs["will-run"], again.outputs["changed"]) == ("0", "false")


def test_a_stage_that_fails_is_annotated_and_prints_no_command(
    project: Path, tmp_path: Path
) -> None:
    (project / "train.py").write_text("print('::error::pwned'); raise SystemExit(3)\n")
    result = step(project, tmp_path / "runner", mode="repro")
    assert result.code == 1
    line = (project / "dvc.yaml").read_text().splitlines().index("  train:") + 1
    (command,) = result.commands
    assert command.startswith(f"::error file=dvc.yaml,line={line},title=stage train failed::")
    assert "::error::pwned" in result.log
    assert "<code>after</code> | skipped" in result.summary


@pytest.fixture
def two_commits(project: Path, tmp_path: Path) -> Path:
    """A project with results, and another commit with other ones."""
    for lr in ("0.25", "0.125"):
        (project / "params.yaml").write_text(f"lr: {lr}\nname: <b>@x|\n")
        assert step(project, tmp_path / "made", mode="repro").code == 0
        commit(project)
    return project


def test_report_compares_with_the_commit_before_without_running(
    two_commits: Path, tmp_path: Path
) -> None:
    result = step(two_commits, tmp_path / "runner", mode="report")
    assert result.code == 0, result.log
    assert result.outputs["changed"] == "true"
    row = "| <code>0&#46;75</code> | <code>0&#46;875</code> | <code>&#43;0&#46;125</code> |"
    assert f"| <code>auc</code> {row}" in result.summary
    assert "| <code>lr</code> | <code>0&#46;25</code> | <code>0&#46;125</code> |" in result.summary
    assert "Plots that differ: <code>loss&#46;csv</code>" in result.summary
    assert "2 metrics without a difference" in result.summary
    assert "not up to date" not in result.summary
    page = Path(result.outputs["report"]).read_text()
    assert "0.8750" in page
    assert "<svg" in page


def test_report_says_that_results_are_older_than_the_files(
    two_commits: Path, tmp_path: Path
) -> None:
    (two_commits / "params.yaml").write_text("lr: 0.5\nname: one\n")
    result = step(two_commits, tmp_path / "runner", mode="report", base="HEAD")
    assert "**2 stages are not up to date:**" in result.summary
    assert "No metric differs." in result.summary
    assert "<code>lr</code>" in result.summary


@pytest.mark.parametrize("merged", [False, True])
def test_report_of_a_pull_request_compares_with_its_base(
    merged: bool, two_commits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = two_commits
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD~1")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "another commit of the pull request")
    if merged:  # GitHub checks out the merge of the pull request into its base
        git(root, "checkout", "--quiet", "origin/main")
        git(root, "merge", "--quiet", "--no-ff", "main", "-m", "merge")
        git(root, "update-ref", "-d", "refs/remotes/origin/main")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    result = step(root, tmp_path / "runner", mode="report")
    assert result.code == 0, result.log
    assert "<code>&#43;0&#46;125</code>" in result.summary


def test_report_in_a_shallow_clone_names_the_fix(two_commits: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{two_commits}", "shallow")
    result = step(tmp_path / "shallow", tmp_path / "runner", mode="report")
    assert result.code == 2
    assert "set fetch-depth: 0 in actions/checkout" in result.log


@pytest.fixture
def deployed(project: Path) -> Path:
    """A project that can be converted."""
    (project / "dvc-bridge.yaml").write_text("argo: {image: registry.example/image:1}\n")
    config = "[core]\n    remote = s\n['remote \"s\"']\n    url = s3://bucket/x\n"
    (project / ".dvc" / "config").write_text(config)
    git(project, "remote", "add", "origin", "https://git.example/team/project.git")
    commit(project)
    return project


def test_convert_writes_the_manifest_and_its_hash(deployed: Path, tmp_path: Path) -> None:
    result = step(deployed, tmp_path / "runner", mode="convert", output="argo.yaml")
    assert result.code == 0, result.log
    content = (deployed / "argo.yaml").read_bytes()
    assert result.outputs["manifest"] == str(deployed / "argo.yaml")
    assert result.outputs["sha256"] == hashlib.sha256(content).hexdigest()
    assert yaml.safe_load(content)["kind"] == "Workflow"


@pytest.mark.parametrize("kind", ["WorkflowTemplate", "slurm"])
def test_check_accepts_the_committed_manifest_until_the_pipeline_changes(
    kind: str, deployed: Path, tmp_path: Path
) -> None:
    options = {"mode": "convert", "output": "argo.yaml", "kind": kind}
    assert step(deployed, tmp_path / "runner", **options).code == 0
    commit(deployed)  # the manifest names the commit before
    checked = step(deployed, tmp_path / "runner", **options, check="true")
    assert checked.code == 0, checked.log
    assert checked.outputs["changed"] == "false"
    (deployed / "dvc-bridge.yaml").write_text("argo: {image: registry.example/image:2}\n")
    commit(deployed)
    before = (deployed / "argo.yaml").read_bytes()
    drifted = step(deployed, tmp_path / "runner", **options, check="true")
    assert drifted.code != 0
    assert drifted.outputs["changed"] == "true"
    assert any(command.startswith("::error file=argo.yaml") for command in drifted.commands)
    assert (deployed / "argo.yaml").read_bytes() == before


def test_check_finds_an_edited_manifest(deployed: Path, tmp_path: Path) -> None:
    options = {"mode": "convert", "output": "argo.yaml"}
    assert step(deployed, tmp_path / "runner", **options).code == 0
    text = (deployed / "argo.yaml").read_text()
    (deployed / "argo.yaml").write_text(text.replace("image:1", "image:9"))
    drifted = step(deployed, tmp_path / "runner", **options, check="true")
    assert drifted.code == 1
    assert "image&#58;9" in drifted.summary
    assert json.dumps(drifted.outputs)
