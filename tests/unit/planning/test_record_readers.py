"""Stages that read dvc.lock and .gitignore see the records of earlier stages, as with DVC."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.dvcio.recording import lockfile
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.stage import Dependency, Output, Stage, StageKind
from dvc_bridge.planning.record_readers import record_readers
from dvc_bridge.planning.schedule import Schedule
from tests.support.commands import dvc_repro, git
from tests.support.projects import CallBridge, MakeProject

# A warning of a library that DVC uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


def stage(name: str, deps: str = "", outs: str = "", file: str = "dvc.yaml") -> Stage:
    """Return a stage with deps and outs from space-separated paths, relative to the root."""
    return Stage(
        file=file,
        name=name,
        kind=StageKind.STAGE if name else StageKind.DATA,
        cmd="x" if name else None,
        deps=tuple(Dependency(at, at) for at in deps.split()),
        outs=tuple(Output(at, at) for at in outs.split()),
    )


READERS: dict[str, tuple[list[Stage], list[int]]] = {
    "its own file": ([stage("a"), stage("reads", "dvc.lock"), stage("b")], [0, 2]),
    "that of another folder": (
        [stage("a"), stage("reads", "sub/dvc.lock"), stage("b", file="sub/dvc.yaml")],
        [2],
    ),
    ".gitignore": (
        [stage("a", "", "x"), stage("reads", ".gitignore"), stage("b", "", "sub/x"), stage("c")],
        [0],
    ),
    "a folder": (
        [
            stage("a", "", "x"),
            stage("reads", "sub"),
            stage("b", "", "sub/x"),
            stage("", "", "sub/y"),
        ],
        [2, 3],
    ),
    "the project": ([stage("a"), stage("reads", "."), stage("b", file="sub/dvc.yaml")], [0, 2]),
    "a folder above": ([stage("a"), stage("reads", ".."), stage("b")], [0, 2]),
    "a folder whose name others begin with": (
        [
            *(stage("a", file="s-/dvc.yaml"), stage("reads", "s"), stage("b", file="s/dvc.yaml")),
            stage("c", file="s0/dvc.yaml"),
        ],
        [2],
    ),
    "nothing of DVC": ([stage("a", "", "x"), stage("reads", "x data/file"), stage("b")], []),
}


@pytest.mark.parametrize(("stages", "writers"), READERS.values(), ids=READERS)
def test_a_stage_is_a_reader_of_all_that_write_what_it_declares(
    stages: list[Stage], writers: list[int]
) -> None:
    assert record_readers(stages, git=True) == ({1: writers} if writers else {})


def test_without_git_no_gitignore_files_are_written_and_no_stage_reads_itself() -> None:
    stages = [stage("a", ".gitignore", "x"), stage("b", "", "y")]
    assert record_readers(stages, git=True) == {0: [1]}
    assert record_readers(stages, git=False) == {}
    assert record_readers([stage("a", "dvc.lock .gitignore", "x")], git=True) == {}


def test_places_in_order_are_taken_one_after_the_other_though_nothing_else_binds_them() -> None:
    first, second = RunIndex(0), RunIndex(1)
    nothing: list[list[RunIndex]] = [[], [], [], []]
    schedule = Schedule(nothing, [[], [first], [second], []])
    taken = []
    while schedule.ready:
        taken.append(schedule.take())
    assert taken == [0, 3]
    schedule.ended(first)
    assert (schedule.ready, schedule.take(), schedule.ready) == (True, 1, False)
    schedule.skip_dependents(second)
    schedule.ended(second)
    assert (schedule.ready, schedule.take()) == (True, 2)  # the order matters, a failure does not


def see(name: str, files: str, *deps: str) -> dict[str, Any]:
    return {"cmd": f"cat {files} > {name}", "deps": list(deps), "outs": [name]}


def make(name: str, *deps: str) -> dict[str, Any]:
    return {"cmd": f"echo {name} > {name}", "deps": list(deps), "outs": [name]}


SEEING = {
    "one": make("one"),
    "declares": see("declares", "dvc.lock .gitignore", "dvc.lock", ".gitignore"),
    "two": make("two"),
    "folder": see("folder", "sub/dvc.lock sub/.gitignore", "sub"),
    "undeclared": see("undeclared", "dvc.lock", "two"),
    "three": make("three", "undeclared"),
}
INNER = {"inner": make("inner")}
# Changes of another process to dvc.lock while a stage runs.
DEEDS = {
    "adds": "printf '  theirs:\\n    cmd: echo\\n' >> dvc.lock",
    "drops": "python drop.py theirs; printf '  other:\\n    cmd: echo\\n' >> dvc.lock",
    "replaces": "cp dvc.lock new; python drop.py first; mv new dvc.lock",
    "forgets": "python drop.py drops",
    "removes": "rm dvc.lock; printf \"schema: '2.0'\\nstages:\\n  o: {cmd: x}\\n\" > dvc.lock",
}
DROP = """\
import re, sys
text = open("dvc.lock").read()
open("dvc.lock", "w").write(re.sub(rf"^  {sys.argv[1]}:\\n(   .*\\n)+", "", text, flags=re.M))
"""


def chain(deeds: dict[str, str]) -> dict[str, Any]:
    """Return a chain of stages, each of which changes dvc.lock and prints its content."""
    stages = {"first": make("first")}
    for name, deed in deeds.items():
        before = list(stages)[-1]
        cmd = f"{deed}; cat {before} > {name}; cp dvc.lock seen-{name}"
        stages[name] = {"cmd": cmd, "deps": [before], "outs": [name]}
    stages["last"] = see("last", "removes", "removes")
    return stages


Copies = Callable[[Path], list[Path]]


@pytest.fixture
def copies(call_bridge: CallBridge) -> Copies:
    """Return a function that runs a project with DVC, with -j 1 and with -j 4, each in a copy."""

    def run(root: Path) -> list[Path]:
        found = [root.with_name(name) for name in ("dvc", "j1", "j4")]
        for folder in found:
            shutil.copytree(root, folder)
        dvc_repro(found[0])
        call_bridge(found[1], "repro", "-j1")
        call_bridge(found[2], "repro", "-j4")
        return found

    return run


def texts(roots: list[Path], *names: str) -> list[dict[str, str]]:
    return [{name: (root / name).read_text() for name in names} for root in roots]


def test_what_a_stage_sees_of_dvc_lock_and_gitignore_is_what_dvc_would_show_it(
    make_project: MakeProject, copies: Copies
) -> None:
    root = make_project(SEEING, {"sub/dvc.yaml": json.dumps({"stages": INNER})})
    git(root, "init", "--quiet")
    (root / ".dvc/config").write_text("")
    roots = copies(root)
    of_dvc, sequential, parallel = texts(roots, "declares", "folder", "undeclared", "dvc.lock")
    assert re.findall(r"^  (\w+):$", of_dvc["declares"], re.MULTILINE) == ["one"]
    assert sequential == of_dvc
    assert parallel["declares"] == of_dvc["declares"]
    assert parallel["folder"] == of_dvc["folder"]
    seen = yaml.safe_load(parallel["undeclared"])["stages"]
    assert seen["two"] == yaml.safe_load(of_dvc["dvc.lock"])["stages"]["two"]


def test_what_others_do_to_dvc_lock_during_a_run_stays_as_with_dvc(
    make_project: MakeProject, copies: Copies
) -> None:
    roots = copies(make_project(chain(DEEDS), {"drop.py": DROP}))
    names = ["dvc.lock", *(f"seen-{name}" for name in DEEDS)]
    of_dvc, sequential, parallel = texts(roots, *names)
    assert "theirs:" in of_dvc["seen-adds"]
    assert list(yaml.safe_load(of_dvc["dvc.lock"])["stages"]) == ["o", "removes", "last"]
    assert sequential == of_dvc
    assert parallel == of_dvc


@pytest.mark.parametrize("jobs", ["-j1", "-j2"])
def test_a_large_dvc_lock_is_written_before_a_command_that_comes_after(
    make_project: MakeProject, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch, jobs: str
) -> None:
    monkeypatch.setattr(lockfile, "SMALL_BYTES", 0)
    monkeypatch.setattr(lockfile, "PUBLISH_S", 1000.0)
    stages = {
        "one": make("one"),
        "apart": make("apart"),
        "middle": {"cmd": "cat one > middle", "deps": ["one"], "outs": ["middle"]},
        "sees": see("sees", "dvc.lock", "middle"),
    }
    root = make_project(stages)
    call_bridge(root, "repro", jobs)
    seen = yaml.safe_load((root / "sees").read_text())["stages"]
    assert seen.keys() >= {"one", "middle"}
    assert seen.keys() >= {"apart"} or jobs == "-j2"
