"""`--pull` in a fresh clone: what is downloaded, and what stays in the remote."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from dvc_bridge import plan, repro
from dvc_bridge.pipeline.outcome import Outcome
from tests.support.commands import add_remote, bridge, dvc, git

BIG = "0123456789abcdef" * 4096
STAGES = {
    "split": {"cmd": "mkdir -p d; cp raw d/a; echo b > d/b", "deps": ["raw"], "outs": ["d"]},
    "first": {"cmd": "cat d/a d/a > one", "deps": ["d/a"], "outs": ["one"]},
    "last": {"cmd": "cat d/b code > two", "deps": ["d/b", "code"], "outs": ["two"]},
    "whole": {"cmd": "cat d/* code > three", "deps": ["d", "code"], "outs": ["three"]},
    "missing": {"cmd": "cat one code > four", "deps": ["one", "code"], "outs": ["four"]},
}


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `clone`, which has no data, and `remote`, which has all of them."""
    folder = tmp_path_factory.mktemp("pushed")
    root = folder / "origin"
    root.mkdir()
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    (root / ".dvc" / "config").write_text("[core]\n")
    add_remote(root)
    (root / "dvc.yaml").write_text(json.dumps({"stages": STAGES}))
    (root / "raw").write_text(BIG)
    (root / "code").write_text("code\n")
    dvc(root, "add", "--quiet", "raw")
    dvc(root, "repro", "--quiet")
    dvc(root, "push", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "1")
    git(folder, "clone", "--quiet", str(root), "clone")
    shutil.rmtree(root)
    return folder


@pytest.fixture
def clone(pushed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pushed, tmp_path / "pushed") / "clone"


def objects(folder: Path) -> set[str]:
    return {f"{file.parent.name}{file.name}" for file in folder.glob("files/md5/*/*")}


def keep_in_remote(clone: Path, *texts: str) -> None:
    """Remove all objects from the remote but lists of folders and those that contain a text."""
    for file in (clone.parent / "remote" / "files" / "md5").glob("*/*"):
        if file.suffix != ".dir" and file.read_text() not in texts:
            file.unlink()


def test_a_change_at_one_stage_moves_only_the_deps_of_that_stage(clone: Path) -> None:
    keep_in_remote(clone, "b\n")
    (clone / "code").write_text("code 2\n")
    printed = bridge(clone, "repro", "--pull", "--allow-missing", "last")
    assert "last > cat d/b code > two" in printed
    assert "1 ran, 2 unchanged" in printed
    assert (clone / "two").read_text() == "b\ncode 2\n"
    assert not (clone / "d" / "a").exists()


def test_the_progress_is_in_bytes(clone: Path) -> None:
    printed = bridge(clone, "repro", "--pull")
    assert re.search(r"downloaded \d+\.\d kB", printed)
    assert "6 unchanged" in printed
    assert "downloaded" not in bridge(clone, "repro", "--pull")


def test_the_functions_have_the_same_option(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone)
    verdicts = {forecast.verdict.value for forecast in plan(pull=True).forecasts}
    assert verdicts == {"up to date"}
    assert len(repro(pull=True).of(Outcome.UNCHANGED)) == 6
    assert (clone / "three").exists()


def test_a_folder_of_which_only_a_part_was_pulled_is_completed_for_the_stage_that_reads_it(
    clone: Path,
) -> None:
    (clone / "code").write_text("code 2\n")
    bridge(clone, "repro", "--pull", "--allow-missing", "last")
    bridge(clone, "repro", "--pull", "--allow-missing", "whole")
    assert (clone / "three").read_text() == f"{BIG}b\ncode 2\n"


def test_a_dep_that_the_remote_lacks_is_named_with_the_push_that_brings_it(clone: Path) -> None:
    keep_in_remote(clone)
    (clone / "code").write_text("code 2\n")
    printed = bridge(clone, "repro", "--pull", "--allow-missing", "missing", code=2)
    assert "dependency one is neither here nor in the remote" in printed
    assert "dvc push first" in printed


def test_damaged_bytes_of_the_remote_are_refused_and_stay_there(clone: Path) -> None:
    for file in (clone.parent / "remote" / "files" / "md5").glob("*/*"):
        if file.read_text() == BIG:
            file.chmod(0o644)
            file.write_text("damaged")
    printed = bridge(clone, "repro", "--pull", "-j2", code=3)
    assert "its bytes do not match its name" in printed
    assert not any(file.read_text() == "damaged" for file in clone.glob(".dvc/cache/files/md5/*/*"))
    assert any(
        file.read_text() == "damaged"
        for file in (clone.parent / "remote" / "files" / "md5").glob("*/*")
    )


def test_an_edited_out_is_not_overwritten(clone: Path) -> None:
    (clone / "one").write_text("by hand\n")
    printed = bridge(clone, "plan", "--pull")
    assert "fails       first: out one has been edited" in printed
    printed = bridge(clone, "repro", "--pull", "first", code=2)
    assert "out one has been edited, and the download would overwrite it" in printed
    assert (clone / "one").read_text() == "by hand\n"


def test_plan_asks_the_remote_only_if_it_may(clone: Path) -> None:
    keep_in_remote(clone, BIG)
    (clone / "code").write_text("code 2\n")
    printed = bridge(clone, "plan", "--allow-missing", "--pull", "--check", code=10)
    assert "data of 2 stages, in the remote and not here: raw.dvc, split" in printed
    assert "stages, neither here nor in the remote: " in printed
    assert "              > cat d/b code > two" in printed
    before = objects(clone / ".dvc" / "cache")
    assert before == set(), "plan downloads nothing"
    shutil.rmtree(clone.parent / "remote")
    assert "with --pull, plan asks" in bridge(clone, "plan", "--allow-missing")
