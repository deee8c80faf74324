"""`repro --verify`: stages that it reports, that pass, and that it cannot judge."""

from __future__ import annotations

from typing import Any

from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import bridge, dvc
from tests.support.projects import RACE, MakeProject

FILES = {
    "a": "1",
    "secret": "s",
    "data/in/x": "x",
    "data/in/y": "y",
    "params.yaml": "rate: 1\n",
    ".dvcignore": "*.tmp\n",
    "sub/b": "b",
}
CLEAN: dict[str, Any] = {
    "copy": {"cmd": "cat a > a.txt", "deps": ["a"], "params": ["rate"], "outs": ["a.txt"]},
    "fold": {
        "cmd": "mkdir -p made/deep && cat data/in/* > made/deep/all && touch made/z made/junk.tmp",
        "deps": ["data/in/x", "data/in"],
        "outs": ["made"],
    },
    "part": {"cmd": "cat made/deep/all > part.txt", "deps": ["made/deep"], "outs": ["part.txt"]},
    "inside": {"wdir": "sub", "cmd": "cat b ../a > o/c", "deps": ["b", "../a"], "outs": ["o/c"]},
    "nothing": {"cmd": "echo 1 > n", "outs": ["n"]},
    "score": {"cmd": "cp a m.json", "deps": ["a"], "metrics": [{"m.json": {"cache": False}}]},
    "always": {"cmd": "cat a > al", "deps": ["a"], "outs": ["al"], "always_changed": True},
}
UNJUDGED: dict[str, Any] = {
    "grow": {"cmd": "cat a >> g", "deps": ["a"], "outs": [{"g": {"persist": True}}]},
    "call": {"cmd": "echo called"},
    "reads_grown": {"cmd": "wc -c < g > size", "deps": ["g"], "outs": ["size"]},
}
BLAMED: dict[str, Any] = {
    "hidden": {"cmd": "cat a secret > h", "deps": ["a"], "outs": ["h"]},
    "guess": {"cmd": "cat secret > s || echo none > s", "outs": ["s"]},
    "clock": {"cmd": "date +%s.%N > c", "deps": ["a"], "outs": ["c"]},
    "shy": {"cmd": "test ! -e secret || echo > sh", "outs": ["sh"]},
}


def test_outs_that_follow_from_deps_pass_and_what_cannot_be_judged_is_reported(
    make_project: MakeProject,
) -> None:
    root = make_project({**CLEAN, **UNJUDGED}, FILES)
    (root / "sub/o").mkdir()
    dvc(root, "repro", "--quiet")
    before = project_state(root, root / ".dvc/cache")
    text = bridge(root, "repro", "--verify")
    assert "8 of 8 make the same outs in a clean copy" in text
    assert "grow: not checked, an out persists, so the stage starts from earlier results" in text
    assert "call: not checked, it has no outs" in text
    assert differences(before, project_state(root, root / ".dvc/cache")) == []
    assert not list((root / ".dvc/tmp/dvc-bridge").glob("verify-*"))


def test_undeclared_inputs_and_commands_that_vary_are_distinguished(
    make_project: MakeProject,
) -> None:
    root = make_project({**BLAMED, "copy": CLEAN["copy"]}, FILES)
    dvc(root, "repro", "--quiet")
    text = bridge(root, "repro", "--verify", code=3)
    for line in (
        "hidden: fails with its deps alone: `cat a secret > h` exited with 1",
        "guess: out s differs with the deps alone: the command read an undeclared file",
        "clock: out c differs each time the command runs",
        "shy: out sh is not created from the deps alone",
        "1 of 5 make the same outs in a clean copy",
        "fix: declare what these stages read as deps",
    ):
        assert line in text
    assert "hidden | cat: secret: No such file or directory" in text
    assert "1 of 1 make" in bridge(root, "repro", "--verify", "copy")


def test_a_stage_that_is_not_up_to_date_is_not_blamed(make_project: MakeProject) -> None:
    root = make_project({"copy": CLEAN["copy"], "nothing": CLEAN["nothing"]}, FILES)
    assert "not up to date: copy, nothing" in bridge(root, "repro", "--verify", code=2)
    bridge(root, "repro")
    (root / "a").write_text("2")
    text = bridge(root, "repro", "--verify", code=2)
    assert "not up to date: copy\nfix: run dvc-bridge repro, then --verify again" in text


def test_where_two_stages_have_raced_it_is_seen(make_project: MakeProject) -> None:
    root = make_project(RACE)
    bridge(root, "repro", "-j2")
    assert (root / "one.txt").read_text() == "two\n"
    text = bridge(root, "repro", "--verify", code=3)
    assert "one: out one.txt differs with the deps alone" in text
    assert "1 of 2 make the same outs" in text
