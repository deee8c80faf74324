"""`.dvc/tmp/rwlock`: files of DVC, of dvc-bridge and damaged ones, and their effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.dvcio.locks import PathLocks
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import RunIndex
from tests.support.projects import MakeProject

FIRST, SECOND = RunIndex(0), RunIndex(1)
LIVING = {"pid": os.getppid(), "cmd": "dvc pull"}
DAMAGED = {
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "cut off": '{"write": {"',
    "not UTF-8": b"\xff\xfe",
    "nested without end": "[" * 100_000,
    "read is a list": '{"read": []}',
    "write is a text": '{"write": "x"}',
    "writers as readers are": '{"write": {"/x": [{"pid": 1, "cmd": "x"}]}}',
    "readers as writers are": '{"read": {"/x": {"pid": 1, "cmd": "x"}}}',
    "a process without a number": '{"write": {"/x": {"cmd": "x"}}}',
    "a process without a name": '{"read": {"/x": [{"pid": 1}]}}',
    "a number that is none": '{"write": {"/x": {"pid": "x", "cmd": "x"}}}',
    "a number without end": '{"write": {"/x": {"pid": Infinity, "cmd": "x"}}}',
}


@pytest.fixture
def root(make_project: MakeProject) -> Path:
    root = make_project({"a": {"cmd": "echo 1 > a", "outs": ["a"]}})
    (root / ".dvc/tmp").mkdir(exist_ok=True)
    return root


def rwlock(root: Path) -> Path:
    return root / ".dvc/tmp/rwlock"


def claims(root: Path) -> PathLocks:
    return PathLocks(find_project(root))


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_file_of_another_shape_is_refused_and_kept(root: Path, content: str | bytes) -> None:
    raw = content.encode() if isinstance(content, str) else content
    rwlock(root).write_bytes(raw)
    with pytest.raises(UsageError, match="rwlock is damaged\nfix: delete it when no DVC"):
        claims(root).check((), ("a",))
    with pytest.raises(UsageError, match="rwlock is damaged\nfix: delete it when no DVC"):
        claims(root).take(FIRST, (), ("a",))
    assert rwlock(root).read_bytes() == raw


def test_a_folder_in_the_place_of_the_file_is_refused(root: Path) -> None:
    rwlock(root).mkdir()
    with pytest.raises(UsageError, match="rwlock is damaged\nfix: delete it when no DVC"):
        claims(root).check((), ("a",))


@pytest.mark.parametrize("content", ["", "{}", '{"write": {}}', '{"read": {}}', None])
def test_an_empty_file_and_a_missing_file_block_no_run(root: Path, content: str | None) -> None:
    if content is not None:
        rwlock(root).write_text(content)
    mine = claims(root)
    mine.take(FIRST, ("in",), ("a",))
    assert set(json.loads(rwlock(root).read_text())["write"]) == {str(root / "a")}
    mine.drop(FIRST)
    assert json.loads(rwlock(root).read_text()) == {"read": {}, "write": {}}


def claimed(root: Path, **paths: str) -> None:
    """Register paths for a running process: write="out", read="in"."""
    text: dict[str, Any] = {"read": {}, "write": {}}
    for mode, at in paths.items():
        text[mode][str(root / at)] = LIVING if mode == "write" else [LIVING]
    rwlock(root).write_text(json.dumps(text))


@pytest.mark.parametrize(
    ("theirs", "reads", "writes"),
    [
        ({"write": "a"}, (), ("a",)),
        ({"write": "a"}, ("a",), ()),
        ({"read": "a"}, (), ("a",)),
        ({"write": "a"}, (), ("a/inside",)),
        ({"write": "a/inside"}, (), ("a",)),
        ({"write": "a"}, ("b/../a",), ()),
    ],
)
def test_a_path_in_use_is_refused_before_anything_is_written(
    root: Path, theirs: dict[str, str], reads: tuple[str, ...], writes: tuple[str, ...]
) -> None:
    claimed(root, **theirs)
    before = rwlock(root).read_bytes()
    mine = claims(root)
    said = rf"is in use by process {LIVING['pid']} \(dvc pull\)"
    with pytest.raises(UsageError, match=said):
        mine.check(reads, writes)
    with pytest.raises(UsageError, match=said):
        mine.take(FIRST, reads, writes)
    assert rwlock(root).read_bytes() == before


def test_what_others_use_stays_there_and_two_may_read_the_same(root: Path) -> None:
    claimed(root, write="theirs", read="in")
    mine = claims(root)
    mine.take(FIRST, ("in",), ("a",))
    mine.take(SECOND, ("in",), ("ab",))  # a path may be a prefix of another
    found = json.loads(rwlock(root).read_text())
    assert len(found["read"][str(root / "in")]) == 2
    assert found["write"].keys() == {str(root / at) for at in ("theirs", "a", "ab")}
    mine.drop(FIRST)
    mine.drop(SECOND)
    left = {"write": {str(root / "theirs"): LIVING}, "read": {str(root / "in"): [LIVING]}}
    assert json.loads(rwlock(root).read_text()) == left


def test_a_process_that_has_ended_blocks_no_run(root: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (ended.pid, 0, -1, 1 << 70):
        other = {"write": {str(root / "a"): {"pid": pid, "cmd": "dvc repro"}}}
        rwlock(root).write_text(json.dumps(other))
        claims(root).check((), ("a",))


def test_others_are_looked_for_again_once_the_lock_was_let_go(root: Path) -> None:
    mine = claims(root)
    mine.check((), ("a",))
    claimed(root, write="a")
    mine.forget_others()
    with pytest.raises(UsageError, match="is in use"):
        mine.check((), ("a",))
