"""The real dvc, as tests make their inputs with it, and dvc-bridge as users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import chdir, closing
from pathlib import Path
from typing import Any


def dvc(root: Path, *args: str) -> str:
    """Run dvc in `root`, where it must succeed; give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *args], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bridge(root: Path, *args: str, code: int = 0, **env: str) -> str:
    """Run dvc-bridge in `root`, where it must end with `code`; give what it printed, errors too."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc_bridge", *args],
        cwd=root,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    assert code == 5 or "Traceback" not in done.stdout, done.stdout
    return done.stdout


def dvc_repro(root: Path, *targets: str, **options: Any) -> None:
    """Do what `dvc repro` does in this process, where DVC has to be imported once."""
    from dvc.repo import Repo

    with chdir(root), closing(Repo()) as repo:
        repo.reproduce(list(targets), **options)


def dvc_status(root: Path) -> dict[str, Any]:
    """Return what `dvc status` finds changed, by stage; looked at in this process."""
    from dvc.repo import Repo

    with chdir(root), closing(Repo()) as repo:
        found: dict[str, Any] = repo.status()
        return found


def add_remote(root: Path) -> None:
    """Make the folder `remote`, beside a project without settings, its default remote."""
    with (root / ".dvc" / "config").open("a") as config:
        config.write("    remote = store\n['remote \"store\"']\n    url = ../../remote\n")


def play(root: Path, code: int = 0) -> str:
    """Run the stages of the project in pods that are processes; give what they printed."""
    command = "import sys; from tests.dvc_bridge.pods import main; sys.exit(main(['repro']))"
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=root,
        env=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
