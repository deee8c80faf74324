"""The stages of a run that need a task, and those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.stage import Dependency, Stage
from dvc_bridge.planning.graph import pipeline_of
from dvc_bridge.remote_run import settle
from dvc_bridge.remote_run.settle import positions_for_pods


def project(root: Path) -> Project:
    return Project(root, None, {})


def reader(name: str, path: str) -> Stage:
    return Stage("dvc.yaml", name, cmd="true", deps=(Dependency(path, path),))


def test_a_stage_that_reads_a_lock_file_cannot_run_in_a_pod(tmp_path: Path) -> None:
    pipeline = pipeline_of([reader("a", "raw"), reader("b", "dvc.lock")])
    with pytest.raises(UsageError, match=r"b: it reads dvc\.lock") as raised:
        positions_for_pods(project(tmp_path), pipeline, [StagePosition(0), StagePosition(1)])
    assert "a:" not in str(raised.value)


def test_the_work_per_stage_does_not_grow_with_the_number_of_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def lock_file(file: str) -> str:
        calls.append(file)
        return f"{file}.lock"

    monkeypatch.setattr(settle, "lock_file", lock_file)
    pipeline = pipeline_of([reader(f"s{n}", "raw") for n in range(50)])
    positions = list(map(StagePosition, range(50)))
    assert positions_for_pods(project(tmp_path), pipeline, positions) == positions
    assert len(calls) <= 50
