"""Durations of earlier runs: what is no duration in their file is ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import Project
from dvc_bridge.local.history import History
from dvc_bridge.planning.grouping.cost_model import Costs


@pytest.mark.parametrize("content", ["", "null", "5", "[[1]]", '["ab"]', "[" * 10**5, b"\xff"])
def test_a_damaged_file_is_no_history(tmp_path: Path, content: str | bytes) -> None:
    _write(tmp_path, content if isinstance(content, bytes) else content.encode())
    assert History(Project(tmp_path, None, {})).seconds == {}


def test_only_durations_are_read(tmp_path: Path) -> None:
    _write(tmp_path, b'{"a": 1.5, "b": "x", "c": -1, "d": NaN, "e": 1e999, "f": 0}')
    assert History(Project(tmp_path, None, {})).seconds == {"a": 1.5, "f": 0}


def test_the_costs_of_the_last_run_of_an_engine_are_kept(tmp_path: Path) -> None:
    project, expected = Project(tmp_path, None, {}), Costs(pod_s=4, stage_s=1, wave_s=10)
    History(project).keep_costs("argo", 2.0, 5.5)
    History(project).keep_costs("argo", None, None)
    History(project).keep_costs("slurm", 3.0, None)
    history = History(project)
    assert history.costs_of_last_run("argo", expected) == Costs(pod_s=8, stage_s=2, wave_s=5.5)
    assert history.costs_of_last_run("slurm", expected) == Costs(pod_s=12, stage_s=3, wave_s=10)
    assert history.costs_of_last_run("processes", expected) == expected


def _write(root: Path, content: bytes) -> None:
    file = root / ".dvc/tmp/dvc-bridge/durations.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
