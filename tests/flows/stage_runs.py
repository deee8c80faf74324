"""Run stages that must fail, in this process or as dvc.yaml runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.errors import StageError
from flows.params import Params
from flows.pipeline import run_stage
from tests.conftest import REPOSITORY


def stage_error(root: Path, params: Params, stage: str) -> str:
    """Return the text of the error that `stage` must raise."""
    with pytest.raises(StageError) as raised:
        run_stage(root, params, stage)
    text = str(raised.value)
    assert f"stage {stage}: " in text
    assert str(root) not in text
    return text


def run_main(root: Path, stage: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m flows STAGE` in `root`."""
    return subprocess.run(
        [sys.executable, "-m", "flows", stage],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )


def first_half(content: bytes) -> bytes:
    """Return the first half of a file's contents."""
    return content[: len(content) // 2]
