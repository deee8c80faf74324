"""`dvc-bridge repro` and `dvc repro` produce the same bytes from the same project and steps."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import dvc
from tests.support.projects import MakeProject

COPY = {"cmd": "cat a > ${item}", "deps": ["a"], "outs": ["${item}"]}
CASES: dict[str, dict[str, Any]] = {
    "foreach and a join": {
        "each": {"foreach": ["x", "é", "y" * 90], "do": COPY},
        "join": {"cmd": "cat x é > all", "deps": ["x", "é"], "outs": ["all"]},
    },
    "folders, and a dep inside one": {
        "make": {"cmd": "mkdir -p d && cp a d/1 && cp a d/2", "deps": ["a"], "outs": ["d"]},
        "use": {"cmd": "cat d/1 > u", "deps": ["d/1"], "params": ["p"], "outs": ["u"]},
    },
    "metrics, cmd lists, no deps": {
        "first": {"cmd": ["echo 1 > f", "echo 2 >> f"], "outs": ["f"]},
        "score": {
            "cmd": "cp a m.json",
            "deps": ["a", "f"],
            "metrics": [{"m.json": {"cache": False}}],
        },
        "keep": {"cmd": "cat a >> k", "deps": ["a"], "outs": [{"k": {"persist": True}}]},
    },
}


def play(root: Path, command: list[str], *args: str) -> int:
    done = subprocess.run(
        [sys.executable, "-m", *command, "repro", *args], cwd=root, capture_output=True, text=True
    )
    return done.returncode


def make(root: Path, stages: dict[str, Any], *, git: bool) -> Path:
    root.mkdir()
    if git:
        subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet", *([] if git else ["--no-scm"]))
    (root / "a").write_text("1")
    (root / "params.yaml").write_text("p: 1.0e-05\nq: [1, inf]\n")
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    return root


def unlike(theirs: Path, ours: Path) -> list[str]:
    """Return the differences in bytes, modes and cache objects, with dvc.lock and .gitignore."""
    expected, actual = (project_state(root, root / ".dvc" / "cache") for root in (theirs, ours))
    return [str(difference) for difference in differences(expected, actual)]


@pytest.mark.full
@pytest.mark.parametrize(
    ("case", "git"),
    [*((case, True) for case in CASES), (next(iter(CASES)), False)],
    ids=[*CASES, "no git"],
)
def test_every_run_ends_where_dvc_repro_ends(tmp_path: Path, case: str, git: bool) -> None:
    theirs = make(tmp_path / "theirs", CASES[case], git=git)
    ours = tmp_path / "ours"
    shutil.copytree(theirs, ours)
    for change in ({}, {}, {"a": "2"}, {"params.yaml": "p: 3\n"}, {"a": "1"}):
        for root in (theirs, ours):
            for name, text in change.items():
                (root / name).write_text(text)
        assert play(theirs, ["dvc"]) == play(ours, ["dvc_bridge"], "-j", "2") == 0
        assert unlike(theirs, ours) == [], change


def test_a_failing_stage_ends_with_1_and_what_finished_is_in_dvc_lock(tmp_path: Path) -> None:
    stages = {
        "bad": {"cmd": "exit 3", "deps": ["a"], "outs": ["never"]},
        "good": {"cmd": "cp a g", "deps": ["a"], "outs": ["g"]},
        "after": {"cmd": "cp never n", "deps": ["never"], "outs": ["n"]},
    }
    theirs = make(tmp_path / "theirs", stages, git=False)
    ours = tmp_path / "ours"
    shutil.copytree(theirs, ours)
    assert play(theirs, ["dvc"], "-k") != 0
    assert play(ours, ["dvc_bridge"], "-k") == 1
    assert unlike(theirs, ours) == []


def test_what_it_made_dvc_finds_unchanged(tmp_path: Path) -> None:
    root = make(tmp_path / "p", CASES["foreach and a join"], git=True)
    assert play(root, ["dvc_bridge"], "-j", "3") == 0
    assert "up to date" in dvc(root, "status")


# Runs dvc-bridge, and fails if a thread other than the main thread imports a module of DVC.
_IMPORTS_WATCHED = """
import sys, threading
from dvc_bridge.cli import main

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dvc", "dvc_data", "dvc_objects"):
            seen.add(threading.current_thread() is threading.main_thread())

seen = set()
sys.meta_path.insert(0, Watch())
sys.argv[1:] = ["repro", "-j2"]
main()
assert seen == {True}, "DVC was imported on a second thread: its circular imports deadlock"
"""


def test_dvc_is_imported_on_one_thread_only(make_project: MakeProject) -> None:
    root = make_project({name: {"cmd": f"echo 1 > {name}", "outs": [name]} for name in "ab"})
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS_WATCHED], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
