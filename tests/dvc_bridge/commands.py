"""The real dvc, as tests make their inputs with it, and dvc-bridge as users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


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
