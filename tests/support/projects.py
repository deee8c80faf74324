"""Projects for the tests; `dvc init` creates the empty one once per session."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.cli import main
from tests.support.commands import add_remote, dvc, git, play
from tests.support.one_stage import furnish
from tests.support.running import Running

# Waits until a file exists, at most one second.
_AWAIT = "for i in $(seq 20); do test -e {} && break; sleep 0.05; done"
# Stages that share an undeclared file: if they run in parallel, the first one reads the text of the
# second one.
RACE = {
    "one": {
        "cmd": f"echo one > shared; {_AWAIT.format('go')}; cat shared > one.txt",
        "outs": ["one.txt"],
    },
    "two": {
        "cmd": f"{_AWAIT.format('shared')}; echo two > shared; touch go; cat shared > two.txt",
        "outs": ["two.txt"],
    },
}
IN_PODS = {
    "one": {"cmd": "cat raw > one", "deps": ["raw"], "params": ["p"], "outs": ["one"]},
    "two": {"cmd": "mkdir d; cat one > d/x", "deps": ["one"], "outs": ["d"]},
    "aside": {"cmd": "cat raw > aside", "deps": ["raw"], "outs": ["aside"]},
}
MakeProject = Callable[..., Path]
CallBridge = Callable[..., str]
Start = Callable[..., Running]


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after `dvc init --no-scm`, to be copied."""
    from dvc.repo import Repo  # in this process, since most tests need DVC here too

    root = tmp_path_factory.mktemp("empty")
    Repo.init(str(root), no_scm=True).close()
    return root


@pytest.fixture(scope="session")
def one_stage(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one stage after `dvc repro`, to be copied."""
    root = shutil.copytree(empty_project, tmp_path_factory.mktemp("one-stage") / "project")
    furnish(root)
    return root


@pytest.fixture(scope="session")
def run_in_pods(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project whose stages have run in pods, and its remote, to be copied."""
    folder = tmp_path_factory.mktemp("run-in-pods")
    root = shutil.copytree(empty_project, folder / "project")
    add_remote(root)
    (root / "dvc.yaml").write_text(json.dumps({"stages": IN_PODS}))
    (root / "raw").write_text("1")
    (root / "params.yaml").write_text("p: 1\n")
    play(root)
    return folder


@pytest.fixture
def pods_project(run_in_pods: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose stages have run in pods; there is no cluster."""
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    return shutil.copytree(run_in_pods, tmp_path / "pods") / "project"


@pytest.fixture
def make_project(empty_project: Path, tmp_path: Path) -> MakeProject:
    """Return a function from stages (as in dvc.yaml) and files to the root of a new project."""

    def make(stages: Mapping[str, Any], files: Mapping[str, str] | None = None) -> Path:
        root = tmp_path / "project"
        shutil.copytree(empty_project, root)
        (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
        for name, text in (files or {}).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return make


def push_to_remote(root: Path, stages: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Add stages, files and git to an empty project, and push its file `raw` to a new remote."""
    (root / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    for name, text in files.items():
        (root / name).write_text(text)
    dvc(root, "remote", "add", "-d", "store", str(root.parent / "remote"))
    git(root, "init", "--quiet")
    dvc(root, "config", "core.no_scm", "false")
    dvc(root, "add", "--quiet", "raw")
    dvc(root, "push", "--quiet")


def copy_committed(built: Path, folder: Path) -> Path:
    """Copy a committed project and its remote to another folder; return its root."""
    for name in ("project", "remote"):
        shutil.copytree(built.parent / name, folder / name, symlinks=True)
    root = folder / "project"
    config = root / ".dvc/config"
    config.write_text(config.read_text().replace(str(built.parent), str(folder)))
    git(root, "commit", "--quiet", "-am", "copied")
    return root


@pytest.fixture
def call_bridge(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CallBridge:
    """Return a version of `commands.bridge` that runs in this process, which imports DVC once."""

    def fail(*command: object) -> None:
        pytest.fail(f"it became another program: {command}")

    def call(root: Path, *args: str, code: int = 0) -> str:
        monkeypatch.chdir(root)
        monkeypatch.setattr(os, "execv", fail)  # which would end the tests
        capfd.readouterr()
        exit_code = main(args)
        output = "".join(capfd.readouterr())
        assert exit_code == code, output
        assert "Traceback" not in output, output
        return output

    return call


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start:
    """Return a function that starts dvc-bridge; a run that outlives the test is killed."""

    def run(root: Path, *args: str, **options: Any) -> Running:
        running = Running(root, *args, **options)
        request.addfinalizer(running.close)
        return running

    return run
