"""Settling a stage by the results of earlier runs, with the files as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dvc_bridge.errors import MissingInputError
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, lock_item
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage
from dvc_bridge.planning.known_result import settle_by_results
from dvc_bridge.planning.next_action import NextAction, current_inputs
from dvc_bridge.planning.run_cache_key import run_cache_key


def pointer(digit: str) -> Pointer:
    return Pointer({"hash": "md5", "md5": digit * 32, "size": 1})


MADE = [lock_item("made", pointer("a"))]


class Files:
    """The state of files; it counts what it is asked for."""

    def __init__(self, deps: Mapping[str, Pointer], outs: Mapping[str, Pointer]) -> None:
        self.deps, self.outs = deps, outs
        self.asked: Counter[str] = Counter()

    def dep(self, dep: Dependency) -> Pointer | None:
        self.asked[dep.path] += 1
        return self.deps.get(dep.path)

    def out(self, out: Output) -> Pointer | None:
        return self.outs.get(out.path)

    def values(self, params: Params) -> Mapping[str, Any] | None:
        self.asked[params.path] += 1
        return {"rate": 1}

    def kept(self, pointer: Pointer) -> bool:
        return pointer in self.outs.values()


@pytest.fixture
def files() -> Files:
    return Files({"words": pointer("1"), "code": pointer("2")}, {"made": pointer("a")})


@pytest.fixture
def stage(files: Files) -> Stage:
    bare = Stage(
        "dvc.yaml",
        "make",
        cmd="make",
        deps=(Dependency("words", "words"), Dependency("code", "code")),
        params=(Params("params.yaml", "params.yaml", ("rate",)),),
        outs=(Output("made", "made"),),
    )
    entry = {**current_inputs(bare, files), "outs": MADE}
    files.asked.clear()
    return replace(bare, lock=entry)


def settle(
    stage: Stage, files: Files, *entries: LockEntry, available: bool = True
) -> tuple[NextAction, LockEntry | None, Outcome | None]:
    key = run_cache_key(current_inputs(stage, files), [out.path for out in stage.outs])
    files.asked.clear()
    runs = {key: entries}
    action, result, _ = settle_by_results(
        stage,
        files,
        force=False,
        runs=lambda asked: runs.get(asked, ()),
        available=lambda _: available,
    )
    return (action, result.entry, result.outcome) if result else (action, None, None)


def test_each_input_is_asked_for_once(stage: Stage, files: Files) -> None:
    run = {**(stage.lock or {}), "outs": MADE}
    assert settle(stage, files)[2] is Outcome.UNCHANGED
    assert set(files.asked.values()) == {1}
    files.deps = {**files.deps, "code": pointer("3")}
    assert settle(stage, files, run)[2] is Outcome.RESTORED
    assert files.asked == {"words": 1, "code": 1, "params.yaml": 1}


def test_a_changed_input_without_an_earlier_run_needs_the_command(
    stage: Stage, files: Files
) -> None:
    files.deps = {**files.deps, "code": pointer("3")}
    assert settle(stage, files) == (NextAction.COMMAND, None, None)


def test_a_lost_out_comes_from_the_lock_entry_or_another_run_if_it_is_available(
    stage: Stage, files: Files
) -> None:
    files.outs = {}
    assert settle(stage, files) == (NextAction.ASK, stage.lock, Outcome.RESTORED)
    assert settle(stage, files, available=False) == (NextAction.ASK, None, None)


def test_an_entry_that_lacks_an_out_or_its_hash_is_no_result(stage: Stage, files: Files) -> None:
    new_out = replace(stage, outs=(*stage.outs, Output("more", "more")))
    assert settle(new_out, files)[1] is None
    without_hash = {**(stage.lock or {}), "outs": [{"path": "made", "md5": None}]}
    complete = {**(stage.lock or {}), "cmd": "make"}
    never_run = replace(stage, lock=None)
    assert settle(never_run, files, without_hash)[1] is None
    assert settle(never_run, files, {"cmd": "make", "outs": "made"})[1] is None
    assert settle(never_run, files, without_hash, complete)[1] == complete


def test_a_missing_dep_is_an_error(stage: Stage, files: Files) -> None:
    files.deps = {"words": pointer("1")}
    with pytest.raises(MissingInputError, match="dependency code does not exist"):
        settle_by_results(stage, files, force=False, runs=lambda _: (), available=lambda _: True)
