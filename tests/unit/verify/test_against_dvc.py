"""`repro --check-against-dvc` reports the differences and only reads the project."""

from __future__ import annotations

from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import bridge, dvc
from tests.support.projects import RACE, MakeProject

CLEAN = {
    "copy": {"cmd": "cat a > a.txt; echo $PWD >> a.txt", "deps": ["a"], "outs": ["a.txt"]},
    "each": {
        "foreach": ["x", "y"],
        "do": {"cmd": "cat a.txt > ${item}", "deps": ["a.txt"], "outs": ["${item}"]},
    },
}


def test_a_clean_project_is_equal_and_is_left_untouched(make_project: MakeProject) -> None:
    root = make_project(CLEAN, {"a": "1"})
    dvc(root, "config", "cache.dir", str(root.parent / "cache"))
    dvc(root, "repro", "--quiet")
    (root / "a").write_text("2")
    before = project_state(root, root.parent / "cache")
    times = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    text = bridge(root, "repro", "--check-against-dvc", "-j2", TMPDIR=str(root.parent))
    assert "equal: the same state (dvc repro " in text
    assert differences(before, project_state(root, root.parent / "cache")) == []
    assert times == {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    assert not list(root.parent.glob("dvc-bridge-check-*"))


def test_what_differs_is_listed_and_ends_with_3(make_project: MakeProject) -> None:
    clock = {"clock": {"cmd": "date +%s.%N > c; touch made.$(cat c)", "outs": ["c"]}}
    root = make_project({**RACE, **clock})
    text = bridge(root, "repro", "--check-against-dvc", "-j2", code=3)
    assert "differences (dvc repro " in text
    assert "workspace: one.txt: md5 5bbf5a52328e7439ae6e719dfe712200 with dvc" in text
    assert "workspace: c: md5 " in text
    assert "lock: dvc.lock: content" in text
    assert "has a file, dvc-bridge has none" in text  # one made.TIME each
    assert "workspace: two.txt" not in text
    assert "fix: if dvc-bridge repro --verify finds nothing wrong with the stages" in text
    assert not (root / "one.txt").exists()


def test_a_failure_on_both_sides_is_no_difference_but_it_is_shown(
    make_project: MakeProject,
) -> None:
    root = make_project({"bad": {"cmd": "echo because; exit 3", "outs": ["never"]}})
    text = bridge(root, "repro", "--check-against-dvc")
    assert "equal: the same state; both runs failed" in text
    assert text.count("    bad | because\n") == 1
    assert "dvc repro exited with 255; the end of its output:" in text
