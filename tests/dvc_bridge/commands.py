"""The real dvc, as tests make their inputs with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def dvc(root: Path, *args: str) -> str:
    """Run dvc in `root`, where it must succeed; give what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "dvc", *args], cwd=root, check=True, capture_output=True, text=True
    ).stdout
