"""Projects for the tests: DVC's own `init` makes the empty one, once a session."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.dvc_bridge.commands import dvc
from tests.dvc_bridge.one_stage import furnish
from tests.dvc_bridge.running import Running

# Waits until a file is there, or for a second.
_AWAIT = "for i in $(seq 20); do test -e {} && break; sleep 0.05; done"
# Stages that share a file which they do not declare: side by side, the first one reads what the
# second has written.
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
MakeProject = Callable[..., Path]
Start = Callable[..., Running]


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after `dvc init --no-scm`, to be copied."""
    root = tmp_path_factory.mktemp("empty")
    dvc(root, "init", "--no-scm", "--quiet")
    return root


@pytest.fixture(scope="session")
def one_stage(empty_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one stage after `dvc repro`, to be copied."""
    root = shutil.copytree(empty_project, tmp_path_factory.mktemp("one-stage") / "project")
    furnish(root)
    return root


@pytest.fixture
def make_project(empty_project: Path, tmp_path: Path) -> MakeProject:
    """Give a function from stages (as in dvc.yaml) and files to the root of a new project."""

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


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Start:
    """Give a function that starts dvc-bridge; what still runs after the test is killed."""

    def run(root: Path, *args: str, **options: Any) -> Running:
        running = Running(root, *args, **options)
        request.addfinalizer(running.close)
        return running

    return run
