"""Durations of earlier runs: what is no duration in their file is ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import Project
from dvc_bridge.local.history import History


@pytest.mark.parametrize("content", ["", "null", "5", "[[1]]", '["ab"]', "[" * 10**5, b"\xff"])
def test_a_damaged_file_is_no_history(tmp_path: Path, content: str | bytes) -> None:
    _write(tmp_path, content if isinstance(content, bytes) else content.encode())
    assert History(Project(tmp_path, None, {})).seconds == {}


def test_only_durations_are_read(tmp_path: Path) -> None:
    _write(tmp_path, b'{"a": 1.5, "b": "x", "c": -1, "d": NaN, "e": 1e999, "f": 0}')
    assert History(Project(tmp_path, None, {})).seconds == {"a": 1.5, "f": 0}


def _write(root: Path, content: bytes) -> None:
    file = root / ".dvc/tmp/dvc-bridge/durations.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
