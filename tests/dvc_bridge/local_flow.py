"""A project's flow.py, run here by Metaflow: its datastore and its home are in the project too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run(root: Path, *args: str, code: int = 0, under: Sequence[str] = ()) -> str:
    """Run the flow, which must end with `code`; give what it printed, errors too.

    Parameters
    ----------
    under
        A command, and its words, that starts the flow.
    """
    done = subprocess.run(
        [*under, *command(*args)],
        cwd=root,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def command(*args: str) -> list[str]:
    """Give the command that runs the flow."""
    return [sys.executable, "flow.py", "--no-pylint", "run", *args]


def environment(root: Path) -> dict[str, str]:
    """Give the environment of the flow."""
    own_store(root)
    return {**os.environ, "METAFLOW_USER": "tester", "METAFLOW_HOME": str(root / "home")}


def own_store(root: Path) -> None:
    """Have Metaflow keep the runs of `root` there, and not where a folder above it has a store."""
    (root / ".metaflow").mkdir(exist_ok=True)
