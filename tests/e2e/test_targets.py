"""The files that a run reads and the valid targets, compared with `dvc repro`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import dvc_repro
from tests.support.projects import CallBridge, MakeProject

# A warning of a library that DVC uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")
BROKEN = {
    "no YAML": "stages: [",
    "a field that DVC has not": "stages: {x: {cmd: x, depz: [a]}}",
    "a template without its value": "stages: {x: {cmd: '${nothing}'}}",
    "the same out": "stages: {x: {cmd: x, wdir: .., outs: [a]}}",
    "a circle": "stages: {x: {cmd: x, deps: [b], outs: [a]}, y: {cmd: x, deps: [a], outs: [b]}}",
}
STAGES = {
    "before": {"cmd": "echo > before", "outs": ["before"]},
    "a": {"cmd": "cat before raw > a", "deps": ["before", "raw"], "outs": ["a"]},
    "none": {"foreach": "${empty}", "do": {"cmd": "echo ${item} > ${item}"}},
    "no_matrix": {"matrix": {"x": "${empty}"}, "cmd": "echo ${item.x}"},
}
FILES = {"raw": "1", "params.yaml": "empty: []\n", "before": "made by hand"}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("command", ["plan", "repro"])
def test_a_stage_alone_needs_no_other_file_to_be_right(
    make_project: MakeProject, call_bridge: CallBridge, command: str, text: str
) -> None:
    root = make_project(STAGES, {**FILES, "other/dvc.yaml": text})
    said = call_bridge(root, command, "-s", "a")
    assert "a: " in said
    call_bridge(root, command, "a", code=2)
    call_bridge(root, command, "-s", "-P", "a", code=2)


def test_dvc_too_runs_a_single_stage_next_to_a_broken_file(make_project: MakeProject) -> None:
    root = make_project(STAGES, {**FILES, "other/dvc.yaml": BROKEN["no YAML"]})
    dvc_repro(root, "a", single_item=True)
    assert (root / "a").read_text() == "made by hand1"


def test_a_stage_alone_in_a_broken_file_and_one_that_is_not_there_are_refused(
    make_project: MakeProject, call_bridge: CallBridge
) -> None:
    root = make_project(STAGES, {**FILES, "other/dvc.yaml": BROKEN["no YAML"]})
    assert "other/dvc.yaml" in call_bridge(root, "repro", "-s", "other/dvc.yaml:x", code=2)
    assert "missing" in call_bridge(root, "repro", "-s", "missing", code=2)
    assert "no/dvc.yaml" in call_bridge(root, "repro", "-s", "no/dvc.yaml:a", code=2)
    assert not (root / "a").exists()


# Arguments -> whether the stage `a` runs: DVC treats no stages as no selection, except with -s.
EMPTY = {
    "none": True,
    "no_matrix": True,
    "dvc.yaml:none": True,
    "--downstream none": True,
    "none before": False,
    "-s none": False,
    "-s no_matrix before": False,
}


@pytest.mark.parametrize(("words", "runs"), EMPTY.items(), ids=EMPTY)
def test_a_group_without_items_is_a_target(
    make_project: MakeProject, call_bridge: CallBridge, words: str, runs: bool
) -> None:
    root = make_project(STAGES, FILES)
    said = call_bridge(root, "plan", *words.split())
    call_bridge(root, "repro", *words.split())
    assert (root / "a").exists() is ("a: " in said) is runs
    assert "none@x" in call_bridge(root, "repro", "none@x", code=2)


def test_it_is_one_for_dvc_too(make_project: MakeProject) -> None:
    root = make_project(STAGES, FILES)
    dvc_repro(root, "none")
    assert (root / "a").exists() is EMPTY["none"]


def first_and(root: Path, second: object) -> None:
    """Write a dvc.yaml with a first stage that would create a file, and add a stage."""
    first = {"cmd": "echo > ran", "outs": ["ran"]}
    (root / "dvc.yaml").write_text(json.dumps({"stages": {"first": first, "second": second}}))


@pytest.mark.parametrize(
    "out", [".dvc/x", ".git/x", "sub/.git/x", "./.dvc/tmp/x", "sub/../.dvc/x", "sub/.dvc/deep/x"]
)
def test_an_out_inside_of_dvc_or_git_is_refused_before_the_first_command(
    make_project: MakeProject, call_bridge: CallBridge, out: str
) -> None:
    root = make_project({})
    first_and(root, {"cmd": f"mkdir -p $(dirname {out}); echo > {out}", "outs": [out]})
    for command in ("plan", "repro"):
        said = call_bridge(root, command, code=2)
        assert "second: DVC ignores its out " in said
        assert "fix: choose other paths" in said
    assert not (root / "ran").exists()
    assert not (root / "dvc.lock").exists()


@pytest.mark.parametrize("out", [".dvcx", ".gitx/x", "a.git/x", "x.dvc.d/x"])
def test_an_out_whose_name_begins_or_ends_so_is_one(
    make_project: MakeProject, call_bridge: CallBridge, out: str
) -> None:
    root = make_project({})
    first_and(root, {"cmd": f"mkdir -p $(dirname {out}); echo > {out}", "outs": [out]})
    call_bridge(root, "repro")
    assert (root / out).exists()
