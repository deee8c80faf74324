"""A clone without data, a remote or a network: `--allow-missing` and `plan --check`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from dvc_bridge import plan
from tests.support.commands import bridge, dvc, git
from tests.support.paths import REPOSITORY

PLAN_SCHEMA = json.loads((REPOSITORY / "dvc_bridge/ui/plan.schema.json").read_text("utf-8"))
STAGES = {
    "first": {"cmd": "cp raw one", "deps": ["raw"], "outs": ["one"]},
    "last": {"cmd": "cat one code > two", "deps": ["one", "code"], "outs": ["two"]},
}


@pytest.fixture(scope="session")
def first_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a project whose data were pushed to a remote that no longer exists."""
    root = tmp_path_factory.mktemp("origin")
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (root / "raw").write_text("raw\n")
    (root / "code").write_text("code\n")
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    dvc(root, "remote", "add", "--default", "store", "s3://bucket-without-network/store")
    dvc(root, "add", "--quiet", "raw")
    dvc(root, "repro", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "1")
    clone = tmp_path_factory.mktemp("clones") / "first"
    git(root, "clone", "--quiet", str(root), str(clone))
    return clone


@pytest.fixture
def clone(first_clone: Path, tmp_path: Path) -> Path:
    return shutil.copytree(first_clone, tmp_path / "clone")


def test_a_clone_without_data_has_nothing_to_do_if_missing_data_are_allowed(clone: Path) -> None:
    assert "up to date 3" in bridge(clone, "plan", "--allow-missing", "--check")
    assert "3 unchanged" in bridge(clone, "repro", "--allow-missing")
    assert git(clone, "status", "--porcelain") == ""


def test_check_tells_nothing_something_and_unknown_apart(clone: Path) -> None:
    printed = bridge(clone, "plan", "--check", code=11)
    assert "missing: raw; run dvc pull raw.dvc" in printed
    (clone / "one").write_text("raw\n")
    (clone / "code").write_text("code 2\n")
    printed = bridge(clone, "plan", "--allow-missing", "--check", code=10)
    assert "runs        last: dep code changed" in printed
    assert "1 ran, 2 unchanged" in bridge(clone, "repro", "--allow-missing")
    bridge(clone, "plan", "--allow-missing", "--check")


def test_a_stage_that_runs_without_its_data_says_what_changed_and_names_the_pull(
    clone: Path,
) -> None:
    (clone / "code").write_text("code 2\n")
    printed = bridge(clone, "plan", "--allow-missing", "--check", code=11)
    why, missing, fix = printed[printed.index("fails       last: ") :].splitlines()[:3]
    assert why.startswith("fails       last: dep code changed from ")
    assert missing.strip() == "dependency one does not exist"
    assert fix.strip() == "restore what is missing (dvc pull one, or --pull), or correct dvc.yaml"
    printed = bridge(clone, "repro", "--allow-missing", code=2)
    assert "dvc pull one" in printed


def test_repro_names_the_pull_and_the_flag_for_data_that_was_added(clone: Path) -> None:
    printed = bridge(clone, "repro", code=2)
    assert "missing data 'source': raw" in printed
    assert "fix: run dvc pull raw.dvc, or run again with --pull" in printed


def test_plan_says_where_data_are_and_asks_no_remote_by_itself(clone: Path) -> None:
    (clone / "one").write_text("raw\n")
    printed = bridge(clone, "plan", "--allow-missing")
    unknown = "data of 2 stages, not here (with --pull, plan asks the remote): raw.dvc, last"
    assert unknown in printed
    document = json.loads(bridge(clone, "plan", "--allow-missing", "--json"))
    jsonschema.validate(document, PLAN_SCHEMA)
    data = {stage["address"]: stage["data"] for stage in document["stages"]}
    assert data == {"raw.dvc": "unknown", "first": "here", "last": "unknown"}


def test_the_function_has_the_same_option(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    forecasts = plan(allow_missing=True).forecasts
    assert [forecast.verdict.value for forecast in forecasts] == ["up to date"] * 3


def test_the_folder_can_be_given_and_jobs_without_a_number_are_one_per_core(
    clone: Path, tmp_path: Path
) -> None:
    printed = bridge(tmp_path, "--cd", str(clone), "repro", "--allow-missing", "-j")
    assert "3 unchanged" in printed
    printed = bridge(tmp_path, "--cd", "missing", "plan", code=2)
    assert "missing" in printed
    assert "Traceback" not in printed
