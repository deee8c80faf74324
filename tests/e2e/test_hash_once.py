"""How often a run hashes a dep: once before the stage's command and once after it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.app.context import RunContext
from dvc_bridge.dvcio import hashes
from dvc_bridge.dvcio.hashes import Hashes
from dvc_bridge.errors import UsageError
from tests.support.commands import add_remote
from tests.support.play_in_workers import main as play_in_workers
from tests.support.projects import CallBridge, MakeProject

COMMAND = "cat words folder/* > all"
STAGES = {"all": {"cmd": COMMAND, "deps": ["words", "folder"], "outs": ["all"]}}
FILES = {"words": "w\n", "folder/a": "a\n", "folder/b": "b\n"}
DEPS = ("words", "folder")

ReadLog = Callable[[], tuple[Counter[str], Counter[str]]]


@pytest.fixture
def root(make_project: MakeProject) -> Path:
    root = make_project(STAGES, FILES)
    for name in FILES:
        os.utime(root / name, (1, 1))  # files modified now are read again, whatever their mtime
    return root


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReadLog:
    """Return a function that counts by name the paths asked for, and the files read, since last.

    The calls are in a file, because the pods of a test are processes.
    """
    log = tmp_path / "calls"
    pointer, md5_of = Hashes.pointer, hashes.md5_of

    def logged_pointer(self: Hashes, path: str, *, large: bool = False) -> object:
        with log.open("a") as file:
            file.write(f"asked {Path(path).name}\n")
        return pointer(self, path, large=large)

    def logged_md5_of(path: str | Path) -> str:
        with log.open("a") as file:
            file.write(f"read {Path(path).name}\n")
        return md5_of(path)

    monkeypatch.setattr(Hashes, "pointer", logged_pointer)
    monkeypatch.setattr(hashes, "md5_of", logged_md5_of)

    def counts() -> tuple[Counter[str], Counter[str]]:
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        calls = [line.split() for line in lines]
        asked = Counter(name for verb, name in calls if verb == "asked")
        return asked, Counter(name for verb, name in calls if verb == "read")

    return counts


def test_a_local_run_hashes_a_dep_once_before_the_command_and_once_after_it(
    root: Path, hashed: ReadLog, call_bridge: CallBridge
) -> None:
    call_bridge(root, "repro")
    asked, read = hashed()
    assert {dep: asked[dep] for dep in DEPS} == {"words": 2, "folder": 2}
    assert {name: read[name] for name in ("words", "a", "b")} == {"words": 1, "a": 1, "b": 1}

    call_bridge(root, "repro")  # up to date
    asked, read = hashed()
    assert {dep: asked[dep] for dep in DEPS} == {"words": 1, "folder": 1}
    assert not read.keys() & {"words", "a", "b"}


def test_a_changed_dep_is_hashed_once_before_the_command_and_once_after_it(
    root: Path, hashed: ReadLog, call_bridge: CallBridge
) -> None:
    call_bridge(root, "repro")
    (root / "words").write_text("other\n")
    os.utime(root / "words", (2, 2))
    hashed()
    call_bridge(root, "repro")
    asked, read = hashed()
    assert {dep: asked[dep] for dep in DEPS} == {"words": 2, "folder": 2}
    assert read["words"] == 1


def test_a_worker_hashes_a_dep_once_before_the_command_and_once_after_it(
    root: Path, hashed: ReadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_remote(root)
    monkeypatch.chdir(root)
    upload = RunContext.upload

    def logged_upload(*args: Any) -> Any:
        done = upload(*args)
        hashed()  # from here on, only the pod hashes deps
        return done

    def end(*_: object) -> None:
        raise UsageError("the pod has ended, and the client merges nothing")

    monkeypatch.setattr(RunContext, "upload", logged_upload)
    monkeypatch.setattr(RunContext, "read_after", end)
    play_in_workers(["repro"])
    asked, read = hashed()
    assert {dep: asked[dep] for dep in DEPS} == {"words": 2, "folder": 2}
    assert {name: read[name] for name in ("words", "a", "b")} == {"words": 1, "a": 1, "b": 1}
