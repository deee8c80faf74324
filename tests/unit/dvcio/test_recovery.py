"""A run that was killed: the next one ends where an uninterrupted run would have ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.commands import bridge, dvc
from tests.support.projects import MakeProject, Start

TEMPORARY = ".0MUAdj3Qq1E9NB5MMawNyQ.tmp"  # like the names of DVC's temporary files


def kill(run_pid: int) -> None:
    os.killpg(run_pid, signal.SIGKILL)


def in_git(root: Path) -> Path:
    """Put the project into a git repository, in which outs get lines in .gitignore."""
    dvc(root, "config", "--unset", "core.no_scm")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def test_lines_and_entries_that_a_killed_run_has_written_do_not_change_their_order(
    make_project: MakeProject, start: Start, tmp_path: Path
) -> None:
    wait = "test -e go || { touch started; sleep 300; }"
    stages = {
        "first": {"cmd": f"{wait}; echo 1 > first.txt", "outs": ["first.txt"]},
        "second": {"cmd": "echo 2 > second.txt", "outs": ["second.txt"]},
        # It ends after the time from which dvc.lock is written during a run.
        "third": {
            "cmd": "sleep 1.1; echo 3 > third.txt",
            "deps": ["second.txt"],
            "outs": ["third.txt"],
        },
    }
    root = in_git(make_project(stages))
    for_dvc = shutil.copytree(root, tmp_path / "dvc", symlinks=True)
    (for_dvc / "go").touch()
    dvc(for_dvc, "repro")
    run = start(root, "repro", "-j2")
    run.until_there(root / "started")
    ignored = root / ".gitignore"
    run.until(lambda: (root / "dvc.lock").exists() and "/third.txt" in ignored.read_text())
    kill(run.process.pid)
    run.ended()
    (root / "go").touch()
    bridge(root, "repro", "-j2")
    assert ignored.read_text() == (for_dvc / ".gitignore").read_text()
    assert (root / "dvc.lock").read_text() == (for_dvc / "dvc.lock").read_text()
    # That run has ended normally: its lines belong to the user, as those of `dvc repro` do.
    bridge(root, "repro", "-f", "-j2")
    assert ignored.read_text() == (for_dvc / ".gitignore").read_text()


def test_temporary_files_of_a_killed_run_are_gone_after_the_next_and_no_older_ones(
    make_project: MakeProject, start: Start
) -> None:
    stages = {
        "quick": {"cmd": "echo 1 > quick.txt", "outs": ["quick.txt"]},
        "slow": {
            "cmd": "test -e go || { touch started; sleep 300; }; echo 2 > slow.txt",
            "deps": ["quick.txt"],
            "outs": ["slow.txt"],
        },
    }
    root = make_project(stages)
    older, others = root / f"older{TEMPORARY}", root / "mine.tmp"
    older.touch()
    os.utime(older, (1, 1))
    run = start(root, "repro")
    run.until_there(root / "started")
    run.until((root / ".dvc/tmp/dvc-bridge/unfinished.jsonl").exists)
    kill(run.process.pid)
    run.ended()
    objects = root / ".dvc/cache/files/md5"
    left = [root / TEMPORARY, objects / TEMPORARY, next(objects.iterdir()) / TEMPORARY]
    for path in [*left, others]:
        path.touch()
    (root / "go").touch()
    bridge(root, "repro")
    assert [path for path in left if path.exists()] == []
    assert older.exists()
    assert others.exists()


def test_a_folder_of_the_run_cache_that_a_kill_has_left_empty_is_no_result(
    make_project: MakeProject,
) -> None:
    # With a folder as out, DVC records the stage and looks it up.
    stage = {"cmd": "mkdir out; cp in out/", "deps": ["in"], "outs": ["out"]}
    root = make_project({"copy": stage}, {"in": "1"})
    bridge(root, "repro")
    (run,) = (root / ".dvc/cache/runs").glob("*/*/*")
    (root / "dvc.lock").unlink()
    run.unlink()
    assert "1 ran" in bridge(root, "repro")
    assert run.exists()
