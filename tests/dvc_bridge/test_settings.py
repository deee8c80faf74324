"""dvc-bridge.yaml: mutexes that hold, and what is told of a file that is not right."""

from __future__ import annotations

import pytest

from tests.dvc_bridge.commands import bridge
from tests.dvc_bridge.conftest import MakeProject

# Fails if another stage holds the same lock at that moment; mkdir is atomic.
ALONE = "mkdir lock && sleep 0.2 && rmdir lock && echo > ${item}"

SEES_LOCK = "for i in $(seq 100); do test -d lock && exec touch f; sleep 0.05; done; exit 1"


def test_of_the_stages_with_one_word_one_runs_at_a_time(make_project: MakeProject):
    stages = {
        "train": {"foreach": ["a", "b"], "do": {"cmd": ALONE, "outs": ["${item}"]}},
        "other": {"cmd": ALONE.replace("${item}", "o"), "outs": ["o"]},
        "free": {"cmd": SEES_LOCK, "outs": ["f"]},
    }
    root = make_project(stages)
    mutexes = '{stages: {"train@*": {mutex: gpu}, other: {mutex: [net, gpu]}, free: {mutex: net}}}'
    (root / "dvc-bridge.yaml").write_text(mutexes)
    bridge(root, "repro", "-j4", "train", "other")
    # `free` shares no word with train, and runs beside it.
    bridge(root, "repro", "-f", "-j4", "train", "free")


def test_all_that_is_wrong_in_the_file_is_told_at_once(make_project: MakeProject):
    root = make_project({"a": {"cmd": "echo > a", "outs": ["a"]}})
    (root / "dvc-bridge.yaml").write_text(
        "stage: {}\n"
        "stages:\n"
        "  a: {mutx: gpu, mutex: 3}\n"
        "  b: {mutex: [x, 1]}\n"
        "  c: {mutex: }\n"
        "  d: 5\n"
        "  e: {colour: red}\n"
    )
    for command in ("repro", "plan"):
        text = bridge(root, command, code=2)
        for line in (
            "dvc-bridge.yaml: stage means nothing; did you mean stages?",
            "dvc-bridge.yaml: stages.a.mutx means nothing; did you mean mutex?",
            "dvc-bridge.yaml: stages.a.mutex must be a word or a list of words",
            "dvc-bridge.yaml: stages.b.mutex must be a word or a list of words",
            "dvc-bridge.yaml: stages.c.mutex must be a word or a list of words",
            "dvc-bridge.yaml: stages.d must be a mapping, not int",
            "dvc-bridge.yaml: stages.e.colour means nothing; known here: mutex",
            "fix: mend dvc-bridge.yaml",
        ):
            assert line in text
    assert not (root / "a").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a\n", "dvc-bridge.yaml: the file must be a mapping, not list"),
        ("stages: [a]\n", "dvc-bridge.yaml: stages must be a mapping, not list"),
        ("stages: {a: {mutex: x}\n", "dvc-bridge.yaml: line 2, column 1: "),
        (
            "stages: {tarin: {mutex: x}}\n",
            "dvc-bridge.yaml: stages.tarin names no stage; did you mean train?",
        ),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused(
    make_project: MakeProject, content: str, said: str
):
    root = make_project({"train": {"cmd": "echo > a", "outs": ["a"]}})
    (root / "dvc-bridge.yaml").write_text(content)
    assert said in bridge(root, "repro", code=2)
    assert not (root / "a").exists()


@pytest.mark.parametrize("content", ["", "stages:\n", "stages: {train: }\n"])
def test_an_empty_file_is_none(make_project: MakeProject, content: str):
    root = make_project({"train": {"cmd": "echo > a", "outs": ["a"]}})
    (root / "dvc-bridge.yaml").write_text(content)
    assert "1 ran" in bridge(root, "repro")
