"""Outs that are in the workspace before `submit`: what is refused, uploaded, merged or left alone.

The engine runs worker processes, and the remote is a folder.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from tests.support.commands import add_remote, bridge, dvc, dvc_status, git
from tests.support.projects import MakeProject

Stages = dict[str, dict[str, object]]
ENGINE = ("--engine", "processes")


def wait_until_ended(run: str, root: Path) -> None:
    for _ in range(100):
        if json.loads(bridge(root, "status", run, "--json", *ENGINE))["phase"] == "Succeeded":
            return
        time.sleep(0.2)
    raise AssertionError(run)


@pytest.fixture
def repository(make_project: MakeProject) -> MakeProject:
    """Return a function that makes a git repository whose stages `dvc repro` has run."""

    def make(stages: Stages, files: dict[str, str]) -> Path:
        root = make_project(stages, files)
        add_remote(root)
        git(root, "init", "--quiet")
        config = root / ".dvc" / "config"
        config.write_text(config.read_text().replace("no_scm = true", "no_scm = false"))
        dvc(root, "repro")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "first")
        return root

    return make


def test_a_folder_that_persists_and_differs_from_dvc_lock_is_refused_and_stays(
    repository: MakeProject,
) -> None:
    train = {
        "cmd": "mkdir -p checkpoints; cat a >> checkpoints/log",
        "deps": ["a"],
        "outs": [{"checkpoints": {"persist": True}}],
    }
    root = repository({"train": train}, {"a": "1"})
    (root / "checkpoints" / "newer").write_text("hours of work")
    (root / "a").write_text("2")
    printed = bridge(root, "submit", "--wait", *ENGINE, code=2)
    assert "train: checkpoints persists and differs from dvc.lock; dvc commit it" in printed
    assert (root / "checkpoints" / "newer").read_text() == "hours of work"


@pytest.mark.parametrize("waits", [True, False])
def test_results_from_the_run_cache_are_merged_with_those_of_the_run(
    waits: bool, repository: MakeProject
) -> None:
    stages: Stages = {
        "known": {"cmd": "cat r > known", "deps": ["r"], "outs": ["known"]},
        "new": {"cmd": "cat n > new", "deps": ["n"], "outs": ["new"]},
    }
    root = repository(stages, {"r": "1", "n": "1"})
    (root / "r").write_text("2")
    dvc(root, "repro")
    (root / "r").write_text("1")
    (root / "n").write_text("2")
    printed = bridge(root, "submit", *(["--wait"] if waits else []), *ENGINE)
    if not waits:
        run = printed.split("next: dvc-bridge collect ")[1].strip()
        wait_until_ended(run, root)
        printed = bridge(root, "collect", run)
    assert "1 from the run cache" in printed
    assert dvc_status(root) == {}


def test_a_large_out_that_only_dvc_has_hashed_does_not_stop_submit(
    repository: MakeProject,
) -> None:
    command = "head -c 70000000 /dev/zero > model; cat a >> model"
    train = {"cmd": command, "deps": ["a"], "outs": ["model"]}
    read = {"cmd": "wc -c < model > size; cat b >> size", "deps": ["model", "b"], "outs": ["size"]}
    root = repository({"train": train, "read": read}, {"a": "1", "b": "1"})
    (root / "b").write_text("2")
    bridge(root, "submit", "--wait", "-s", "read", *ENGINE)
    (root / "a").write_text("2")
    bridge(root, "submit", "--wait", *ENGINE)
    assert dvc_status(root) == {}


def test_a_reader_finds_an_unchanged_out_that_is_not_pushed(repository: MakeProject) -> None:
    stages: Stages = {
        "local": {"cmd": "cat a > local", "deps": ["a"], "outs": [{"local": {"push": False}}]},
        "reads": {"cmd": "cat local b > reads", "deps": ["local", "b"], "outs": ["reads"]},
    }
    root = repository(stages, {"a": "1", "b": "1"})
    (root / "b").write_text("2")
    bridge(root, "submit", "--wait", *ENGINE)
    assert (root / "reads").read_text() == "12"
    md5 = hashlib.md5(b"1", usedforsecurity=False).hexdigest()
    assert not (root.parent / "remote" / "files" / "md5" / md5[:2] / md5[2:]).exists()


@pytest.mark.parametrize("is_ignored", [False, True])
@pytest.mark.parametrize("is_folder", [False, True])
@pytest.mark.parametrize("kind", ["outs", "plots"])
def test_outs_that_dvc_does_not_cache_reach_the_pods(
    kind: str, is_folder: bool, is_ignored: bool, repository: MakeProject
) -> None:
    made = "site/index" if is_folder else "site"
    command = f"mkdir -p site; cat a > {made}" if is_folder else f"cat a > {made}"
    stages: Stages = {
        "make": {"cmd": command, "deps": ["a"], kind: [{"site": {"cache": False}}]},
        "reads": {"cmd": f"cat {made} b > reads", "deps": ["site", "b"], "outs": ["reads"]},
    }
    files = {"a": "1", "b": "1", **({".gitignore": "/site\n"} if is_ignored else {})}
    root = repository(stages, files)
    (root / "b").write_text("2")
    bridge(root, "submit", "--wait", *ENGINE)
    assert (root / "reads").read_text() == "12"
    (root / "a").write_text("2")
    bridge(root, "submit", "--wait", *ENGINE)
    assert (root / "reads").read_text() == "22"
    assert dvc_status(root) == {}


def test_a_merge_leaves_newer_outs_of_stages_that_the_run_did_not_run(
    repository: MakeProject,
) -> None:
    stages: Stages = {
        "prepare": {"cmd": "date +%N > prepared", "outs": ["prepared"]},
        "train": {"cmd": "cat prepared b > model", "deps": ["prepared", "b"], "outs": ["model"]},
    }
    root = repository(stages, {"b": "1"})
    (root / "b").write_text("2")
    run = bridge(root, "submit", *ENGINE).split("next: dvc-bridge collect ")[1].strip()
    dvc(root, "repro", "--force", "--single-item", "prepare")
    newer, lock = (root / "prepared").read_text(), (root / "dvc.lock").read_text()
    wait_until_ended(run, root)
    printed = bridge(root, "collect", run, code=2)
    assert (root / "prepared").read_text() == newer
    assert "train" in printed
    assert set(dvc_status(root)) == {"train"}, lock
