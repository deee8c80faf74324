"""A step on the machine of the project: how often it hashes, and what it takes as known."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dvc_bridge.dvcio import cached_objects, hashes
from dvc_bridge.metaflow import begin_run
from dvc_bridge.metaflow.run_artifact import DvcRun, with_result
from dvc_bridge.metaflow.step_on_host import HostStage
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.trace import Execution
from tests.support.commands import dvc
from tests.support.one_stage import LINE, make_of
from tests.support.projects import MakeProject

STAGES = {
    "first": {"cmd": "cat words > a", "deps": ["words"], "outs": ["a"]},
    "second": {"cmd": "cat words a > b", "deps": ["words", "a"], "outs": ["b"]},
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count by name how often a file is read to hash it."""
    counts: Counter[str] = Counter()
    original = hashes.md5_of

    def md5_of(path: str | Path) -> str:
        counts[Path(path).name] += 1
        return original(path)

    monkeypatch.setattr(hashes, "md5_of", md5_of)
    monkeypatch.setattr(cached_objects, "md5_of", md5_of)
    return counts


def play(run: DvcRun, name: str, read: Counter[str]) -> tuple[DvcRun, Counter[str]]:
    """Run a stage as its step does; return its artifact, and what was read before its body."""
    spec = run["stages"][name]
    stage = HostStage(run, spec)
    assert stage.settle(force=False) is None
    with stage.folder() as folder:
        before = read.copy()
        read.clear()
        subprocess.run(["sh", "-c", str(spec["cmd"])], check=True, cwd=folder)
        return with_result(run, spec, stage.record(folder, Execution(0.0))), before


def test_a_step_reads_a_dep_once_before_its_body_and_once_after_it(
    make_project: MakeProject, read: Counter[str]
) -> None:
    root = make_project(STAGES, {"words": "w\n"})
    os.utime(root / "words", (1, 1))  # a file modified now is read again, whatever its mtime
    run, before = play(begin_run(root), "first", read)
    assert (before["words"], read["words"]) == (1, 1)
    read.clear()
    run, before = play(run, "second", read)
    # The hash of words is stored, and a comes from the cache: its bytes are checked.
    assert (before["words"], read["words"]) == (0, 1)
    assert (before["a"], read["a"]) == (1, 1)

    read.clear()
    assert HostStage(run, run["stages"]["second"]).settle(force=False)
    assert not read
    assert dvc(root, "repro").count("is cached - skipping run") == 2


def test_a_damaged_entry_of_the_run_cache_is_written_again(
    make_project: MakeProject, read: Counter[str]
) -> None:
    root = make_project(STAGES, {"words": "w\n"})
    run = begin_run(root)
    play(run, "first", read)
    (entry,) = (root / ".dvc/cache/runs").glob("*/*/*")
    whole = entry.read_bytes()
    entry.write_text("a: [")
    play(run, "first", read)
    assert entry.read_bytes() == whole


def test_a_dep_that_only_becomes_executable_is_no_change_as_in_dvc(
    one_stage: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(one_stage, tmp_path / "project", symlinks=True)
    (root / "words").chmod(0o755)
    run, spec, _ = make_of(root)
    result = HostStage(run, spec).settle(force=False)
    assert result
    assert (spec["cmd"], result.outcome) == (LINE, Outcome.UNCHANGED)
    assert "didn't change, skipping" in dvc(root, "repro")
