"""Stages that must refuse: run in this process, or as dvc.yaml runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.stages.errors import StageError
from flows.stages.params import Params
from flows.stages.run import run_stage
from tests.conftest import REPOSITORY


def refusal(root: Path, params: Params, stage: str) -> str:
    """Give what `stage` says when it refuses; it must."""
    with pytest.raises(StageError) as refused:
        run_stage(root, params, stage)
    text = str(refused.value)
    assert f"stage {stage}: " in text
    assert str(root) not in text
    return text


def command(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m flows.stages` in `root`."""
    return subprocess.run(
        [sys.executable, *(arguments or ["-m", "flows.stages"])],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )


def half(content: bytes) -> bytes:
    """Cut a file's content off in the middle."""
    return content[: len(content) // 2]
