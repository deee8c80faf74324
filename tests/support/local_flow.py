"""Run a project's flow.py with Metaflow; its datastore and home are in the project too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run(root: Path, *args: str, code: int = 0, under: Sequence[str] = ()) -> str:
    """Run the flow; see `started`."""
    return started(root, "run", *args, code=code, under=under)


def started(
    folder: Path,
    *words: str,
    code: int = 0,
    under: Sequence[str] = (),
    flow: str | Path = "flow.py",
    **env: str,
) -> str:
    """Run a flow with Metaflow's arguments, check its exit code, and return its output.

    Parameters
    ----------
    folder
        The working folder, which also holds Metaflow's home and datastore.
    under
        A command with arguments that runs the flow's command.
    flow
        The flow's file.
    """
    done = subprocess.run(
        [*under, *command(*words, flow=flow)],
        cwd=folder,
        env=environment(folder) | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def command(*words: str, flow: str | Path = "flow.py") -> list[str]:
    """Return the command that starts the flow."""
    return [sys.executable, str(flow), "--no-pylint", *words]


def environment(root: Path) -> dict[str, str]:
    """Return the environment of the flow."""
    own_store(root)
    return {**os.environ, "METAFLOW_USER": "tester", "METAFLOW_HOME": str(root / "home")}


def own_store(root: Path) -> None:
    """Create a datastore in `root`, so that Metaflow does not use that of a parent folder."""
    (root / ".metaflow").mkdir(exist_ok=True)
