"""Run the real dvc to create test inputs, and dvc-bridge as users run it."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from contextlib import chdir, closing
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.forks import ForkServer
from tests.support.paths import REPOSITORY


def dvc(root: Path, *args: str) -> str:
    """Run dvc in `root`, check that it succeeds, and return its output with errors.

    Remotes must be folders: clients of cloud storage do not work in a process that was forked.
    """
    ran = _fork_server()("dvc", args, root, os.environ)
    assert ran.code == 0, ran.output
    return ran.output


@cache
def _fork_server() -> ForkServer:
    """Start one for all tests of this process; it ends with the process."""
    server = ForkServer()
    atexit.register(server.close)
    return server


def git(root: Path, *args: str) -> str:
    """Run git in `root` with an identity, check that it succeeds, and return its output."""
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *author, *args], cwd=root, check=True, capture_output=True)
    return done.stdout.decode().strip()


def bridge(root: Path, *args: str, code: int = 0, **env: str) -> str:
    """Run dvc-bridge in `root`, check its exit code, and return its output with errors."""
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
    """Run `dvc repro` in this process, which imports DVC only once."""
    from dvc.repo import Repo

    with chdir(root), closing(Repo()) as repo:
        repo.reproduce(list(targets), **options)


def dvc_status(root: Path) -> dict[str, Any]:
    """Return the changes of `dvc status` by stage; runs in this process."""
    from dvc.repo import Repo

    with chdir(root), closing(Repo()) as repo:
        changes: dict[str, Any] = repo.status()
        return changes


def add_remote(root: Path) -> None:
    """Configure the folder `remote`, next to a project without settings, as default remote."""
    with (root / ".dvc" / "config").open("a") as config:
        config.write("    remote = store\n['remote \"store\"']\n    url = ../../remote\n")


def play(root: Path, code: int = 0) -> str:
    """Run the stages of the project in pods, each a process, and return their output."""
    command = (
        "import sys; from tests.support.play_in_workers import main; sys.exit(main(['repro']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
