"""`dvc-bridge plan`: its predictions, and whether the run confirms them."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dvc_bridge.cli import main
from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import dvc
from tests.support.paths import REPOSITORY
from tests.support.projects import MakeProject

SCHEMA = json.loads((REPOSITORY / "dvc_bridge/ui/plan.schema.json").read_text("utf-8"))
# The outcome of a stage for each verdict of the plan; `may run` allows all but a failure.
EXACT = {"runs": "ran", "run cache": "from the run cache", "up to date": "unchanged"}

Bridge = Callable[..., str]


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bridge:
    """Run dvc-bridge in this process, which imports DVC once; return its stdout."""

    def run(root: Path, *args: str, code: int = 0) -> str:
        monkeypatch.chdir(root)
        capsys.readouterr()
        ended = main(args)
        said = capsys.readouterr()
        assert ended == code, said.out + said.err
        return said.out

    return run


def planned(bridge: Bridge, root: Path, *args: str) -> dict[str, Any]:
    """Return the stages of `plan --json` by address, in order; check the output's schema."""
    plan = json.loads(bridge(root, "plan", "--json", *args))
    jsonschema.validate(plan, SCHEMA)
    return {stage["address"]: stage for stage in plan["stages"]}


def verdicts(bridge: Bridge, root: Path, *args: str) -> dict[str, str]:
    return {name: stage["verdict"] for name, stage in planned(bridge, root, *args).items()}


def outcomes(text: str) -> dict[str, str]:
    """Return the outcomes of stages from a run's output, which omits unchanged stages."""
    pattern = r"^(\S+): (ran|from the run cache|failed|skipped)(?: \(.*\))?$"
    return dict(re.findall(pattern, text, re.MULTILINE))


def assert_run_keeps_to_plan(bridge: Bridge, root: Path, *args: str, code: int = 0) -> None:
    said = verdicts(bridge, root, *args)
    ended = outcomes(bridge(root, "repro", "-k", "-j3", *args, code=code))
    assert not ended.keys() - said.keys()
    for address, verdict in said.items():
        outcome = ended.get(address, "unchanged")
        if verdict == "fails":
            assert outcome in ("failed", "skipped"), address
        elif verdict == "may run":
            assert outcome not in ("failed", "skipped"), address
        else:
            assert outcome == EXACT[verdict], f"{address}: planned {verdict}, then {outcome}"


def forget(root: Path, name: str) -> None:
    """Remove the cache object of a file."""
    path = root / name
    for cached in (root / ".dvc/cache/files/md5").glob("*/*"):
        if path.exists() and cached.read_bytes() == path.read_bytes():
            cached.unlink()


def copy(dep: str, out: str, **more: Any) -> dict[str, Any]:
    return {"cmd": f"cat {dep} > {out}", "deps": [dep], "outs": [out], **more}


SINGLE = {
    "same": copy("a", "same.txt"),
    "cmd": copy("a", "cmd.txt"),
    "dep": copy("b", "dep.txt"),
    "param": copy("a", "param.txt", params=["rate", "lost"]),
    "removed": copy("a", "removed.txt"),
    "edited": copy("a", "edited.txt"),
    "uncached": copy("c", "uncached.txt"),
    "always": copy("a", "always.txt", always_changed=True),
    "missing": copy("d", "missing.txt"),
    "behind": copy("missing.txt", "behind.txt"),
    "frozen": copy("b", "frozen.txt"),
    "keep": copy("a", "keep.txt"),
}
SINGLE["keep"]["outs"] = [{"keep.txt": {"persist": True}}]


def test_every_reason_is_printed_with_old_and_new_value_and_the_run_does_what_was_planned(
    make_project: MakeProject, bridge: Bridge
) -> None:
    files = {"a": "1", "b": "1", "c": "only here", "d": "1", "params.yaml": "rate: 0.1\nlost: 1\n"}
    root = make_project(SINGLE, files)
    dvc(root, "repro", "--quiet")
    assert set(verdicts(bridge, root).values()) == {"up to date", "runs"}  # always runs always

    stages = json.loads((root / "dvc.yaml").read_text())["stages"]
    stages["cmd"]["cmd"] = "cat a a > cmd.txt"
    stages["new"] = copy("a", "new.txt")
    stages["frozen"]["frozen"] = True
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    (root / "b").write_text("2")
    (root / "params.yaml").write_text("rate: 0.25\nlost: 1\n")
    (root / "removed.txt").unlink()
    (root / "keep.txt").unlink()
    (root / "edited.txt").write_text("by hand")
    forget(root, "uncached.txt")
    (root / "d").unlink()

    text = bridge(root, "plan")
    md5_1, md5_2 = "c4ca4238", "c81e728d"  # of "1" and "2"
    for line in (
        "13 stages: runs 7, run cache 2, up to date 2, fails 2",
        "runs        cmd: cmd changed from 'cat a > cmd.txt' to 'cat a a > cmd.txt'",
        f"runs        dep: dep b changed from {md5_1} to {md5_2}",
        "runs        param: param params.yaml:rate changed from 0.1 to 0.25",
        "run cache   removed: out removed.txt is missing",
        f"run cache   edited: out edited.txt changed from {md5_1} to ",
        "runs        uncached: out uncached.txt is not in the cache",
        "runs        always: always runs",
        "fails       missing: dependency d does not exist",
        "fails       behind: it needs missing",
        "runs        keep: out keep.txt is missing",
        "runs        new: never run (no dvc.lock entry)",
    ):
        assert line in text
    assert "same" not in text
    assert "frozen" not in text
    assert "up to date  same" in bridge(root, "plan", "-v")
    assert bridge(root, "repro", "--dry") == text
    assert_run_keeps_to_plan(bridge, root, code=2)


def test_what_the_run_cache_gives_back_decides_what_follows(
    make_project: MakeProject, bridge: Bridge
) -> None:
    stages = {
        "count": {"cmd": "wc -c < a > n", "deps": ["a"], "outs": ["n"]},
        "fold": {"cmd": "mkdir d && cp a d/x && echo > d/y", "deps": ["a"], "outs": ["d"]},
        "of_count": copy("n", "of_count.txt"),
        "of_file": copy("d/y", "of_file.txt"),
        "of_fold": {"cmd": "cat d/* > of_fold", "deps": ["d"], "outs": ["of_fold"]},
    }
    root = make_project(stages, {"a": "1"})
    for text in ("1", "2", "333"):
        (root / "a").write_text(text)
        bridge(root, "repro", "-j3")

    (root / "a").write_text("4")
    assert verdicts(bridge, root) == {
        "count": "runs",
        "of_count": "may run",
        "fold": "runs",
        "of_file": "may run",
        "of_fold": "may run",
    }
    assert planned(bridge, root)["of_fold"]["waits_for"] == ["fold"]

    # 1 and 2 are both one byte long, so the input of of_count is known before the run.
    (root / "a").write_text("1")
    said = verdicts(bridge, root)
    assert said == {
        "count": "run cache",
        "of_count": "run cache",
        "fold": "run cache",
        "of_file": "may run",  # inside a folder that does not exist yet
        "of_fold": "run cache",
    }
    assert_run_keeps_to_plan(bridge, root)
    (root / "a").write_text("2")
    said = verdicts(bridge, root)
    assert (said["count"], said["of_count"]) == ("run cache", "up to date")
    assert_run_keeps_to_plan(bridge, root)


def test_a_lost_object_is_made_once_and_who_lost_it_too_is_found_restored(
    make_project: MakeProject, bridge: Bridge
) -> None:
    fold = "mkdir {0}; echo same > {0}/x; echo {0} > {0}/y"
    stages = {
        "one": {"cmd": "echo same > one", "outs": ["one"]},
        "two": {"cmd": "echo same > two", "outs": ["two"]},
        "three": {"cmd": "echo same > three; echo 3 > own", "outs": ["three", "own"]},
        "four": {"cmd": fold.format("four"), "outs": ["four"]},
        "five": copy("two", "five.txt"),
    }
    root = make_project(stages)
    bridge(root, "repro")
    forget(root, "one")
    forget(root, "own")
    stages_of_plan = planned(bridge, root)
    assert {name: stage["verdict"] for name, stage in stages_of_plan.items()} == {
        "one": "runs",
        "two": "may run",
        "three": "runs",  # another object of its outs is lost too
        "four": "may run",
        "five": "may run",
    }
    assert [stages_of_plan[name]["waits_for"] for name in ("two", "three", "four")] == [["one"]] * 3
    ended = outcomes(bridge(root, "repro", "-j3"))
    assert ended == {"one": "ran", "three": "ran"}


DIAMOND = {
    "start": copy("a", "start.txt"),
    "left": {"cmd": "cat start.txt code > l", "deps": ["start.txt", "code"], "outs": ["l"]},
    "right": {**copy("start.txt", "r"), "params": ["rate"]},
    "join": {"cmd": "cat l r > all", "deps": ["l", "r"], "outs": ["all"]},
    "aside": {"cmd": "echo > aside", "outs": ["aside"]},
}
DIAMOND_FILES = {"a": "0", "code": "0", "params.yaml": "rate: 0\n"}


@pytest.mark.parametrize("seed", range(3))
def test_after_any_changes_the_run_does_what_the_plan_said(
    make_project: MakeProject, bridge: Bridge, seed: int
) -> None:
    root = make_project(DIAMOND, DIAMOND_FILES)
    if seed == 0:
        dvc(root, "add", "--quiet", "a")
    chance = random.Random(seed)

    def write(name: str, text: str) -> Callable[[], object]:
        return lambda: (root / name).write_text(text)

    def lose(name: str) -> Callable[[], object]:
        return lambda: (root / name).unlink(missing_ok=True)

    changes: list[Callable[[], object]] = [
        *(write(name, str(n)) for name in ("a", "code") for n in range(3)),
        *(write("params.yaml", f"rate: {n}\n") for n in range(3)),
        *(lose(name) for name in ("start.txt", "l", "r", "all", "dvc.lock")),
        *(write(name, "by hand") for name in ("start.txt", "l")),
        *(partial(forget, root, name) for name in ("start.txt", "r", "all")),
        lambda: shutil.rmtree(root / ".dvc/cache/runs", ignore_errors=True),
    ]
    assert_run_keeps_to_plan(bridge, root)
    for _ in range(8):
        for change in chance.sample(changes, k=chance.randint(0, 3)):
            change()
        assert_run_keeps_to_plan(bridge, root, *chance.choice(((), (), ("-f",))))


def test_a_plan_changes_no_file(make_project: MakeProject, bridge: Bridge) -> None:
    root = make_project(DIAMOND, DIAMOND_FILES)
    dvc(root, "repro", "--quiet")
    (root / "a").write_text("changed")
    (root / "aside").unlink()
    before = project_state(root, root / ".dvc/cache")
    times = {path: path.lstat().st_mtime_ns for path in root.rglob("*")}
    for args in ((), ("--json",), ("-f",), ("-v",)):
        bridge(root, "plan", *args)
    bridge(root, "repro", "--dry", "-f")
    assert differences(before, project_state(root, root / ".dvc/cache")) == []
    assert {p: t for p, t in times.items() if ".dvc/tmp" not in str(p)} == {
        path: path.lstat().st_mtime_ns for path in root.rglob("*") if ".dvc/tmp" not in str(path)
    }


def test_selected_stages_are_those_of_dvc_repro(make_project: MakeProject, bridge: Bridge) -> None:
    root = make_project(
        {**DIAMOND, "each": {"foreach": ["é", "y"], "do": copy("l", "${item}")}}, DIAMOND_FILES
    )
    (root / "sub").mkdir()
    inner = {"cmd": "cp ../all all", "deps": ["../all"], "outs": ["all"]}
    (root / "sub/dvc.yaml").write_text(json.dumps({"stages": {"inner": inner}}))
    for folder, args in (
        (".", ("-s", "join", "left")),
        (".", ("--downstream", "start")),
        (".", ("-P",)),
        (".", ("each",)),
        ("sub", ("inner", "../dvc.yaml:aside")),
    ):
        shown = dvc(root / folder, "repro", "--dry", "--force", *args)
        expected = [
            name.removeprefix("../").removeprefix("dvc.yaml:").removeprefix("sub/dvc.yaml:")
            for name in re.findall(r"^Running stage '(.*)':$", shown, re.MULTILINE)
        ]
        forced = planned(bridge, root / folder, "-f", *args)
        assert [stage["name"] for stage in forced.values()] == expected, (folder, args)
        assert {s["reasons"][0] for s in forced.values()} == {"asked for with --force"}


def test_the_critical_path_is_the_slowest_chain_by_how_long_the_stages_took(
    make_project: MakeProject, bridge: Bridge
) -> None:
    slow = {
        name: {**DIAMOND[name], "cmd": f"sleep {seconds}; {DIAMOND[name]['cmd']}"}
        for name, seconds in (("start", 0.3), ("left", 0.9), ("right", 0.1), ("join", 0.3))
    }
    root = make_project({**DIAMOND, **slow}, DIAMOND_FILES)
    before = bridge(root, "plan")
    assert "critical path, 3 stages: start -> left -> join" in before
    best = "at best 1.7 times as fast as one after the other"
    assert f"{best}, if all stages take equally long" in before
    bridge(root, "repro", "-j3")

    plan = json.loads(bridge(root, "plan", "-f", "--json"))
    assert plan["critical_path"] == ["start", "left", "join"]
    assert plan["critical_path_s"] >= 1.5
    assert plan["work_s"] >= plan["critical_path_s"] + 0.1
    assert plan["speed_up"] == pytest.approx(plan["work_s"] / plan["critical_path_s"], abs=0.01)
    (root / "params.yaml").write_text("rate: 1\n")
    assert "critical path, 2 stages: right -> join" in bridge(root, "plan")
    assert "critical path" not in bridge(root, "plan", "aside")
