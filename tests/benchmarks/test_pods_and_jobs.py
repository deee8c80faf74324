"""What a run started is counted after it has ended, without what others run."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import pods_and_jobs
from benchmarks.comparison.cluster import SLURM
from benchmarks.comparison.pods_and_jobs import count_pods_or_jobs

NOON = datetime.datetime(2026, 11, 29, 12, 0, 0, 500_000, datetime.UTC)
ARGO = "COMPARISON_ARGO"


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc-bridge.yaml").write_text("argo: {namespace: team}\n")
    monkeypatch.setenv(ARGO, str(tmp_path))
    monkeypatch.setattr(pods_and_jobs, "_PAUSE_S", 0)


def workflow(name: str, n_pods: int, *, has_ended: bool = True) -> dict[str, Any]:
    nodes = {"graph": {"type": "DAG"}, **{str(n): {"type": "Pod"} for n in range(n_pods)}}
    status = {"nodes": nodes, "finishedAt": "2026-11-29T12:00:09Z" if has_ended else None}
    return {"kind": "Workflow", "metadata": {"name": name}, "status": status}


def job(name: str, **status: Any) -> dict[str, Any]:
    return {"kind": "Job", "metadata": {"name": name}, "status": status}


def test_pods_of_named_workflows_and_jobs_count_once_all_have_ended() -> None:
    done = {"conditions": [{"type": "Complete"}]}
    others = [workflow("others", 7), job("t-other", succeeded=1, **done)]
    answers = [
        [*others, workflow("mine", 1, has_ended=False), job("t-1", succeeded=1, **done)],
        [*others, workflow("mine", 2), job("t-1", active=1)],
        [*others, workflow("mine", 2), job("t-1", succeeded=1, failed=2, **done)],
    ]
    asked: list[Sequence[str]] = []

    def ask(command: Sequence[str]) -> str:
        asked.append(command)
        return json.dumps({"items": answers[len(asked) - 1]})

    log = "submitted mine\n[t-1-abcde] Task is starting (Pod is pending)"
    assert count_pods_or_jobs(ARGO, Path("/project"), log, NOON, ask) == 5
    assert len(asked) == 3
    assert list(asked[0][3:5]) == ["--namespace", "team"]


def test_jobs_of_the_project_count_if_the_run_submitted_them() -> None:
    lines = [
        "2026-11-29T11:59:59|COMPLETED|/work/project",  # of the phase before
        "2026-11-29T12:00:00|{}|/work/project",
        "2026-11-29T12:00:01|FAILED|/work/project/.dvc/tmp/x",
        "2026-11-29T12:00:02|RUNNING|/work/project-2",
    ]
    states = iter(("PENDING", "RUNNING", "COMPLETED"))

    def ask(_command: Sequence[str]) -> str:
        return "\n".join(lines).format(next(states))

    assert count_pods_or_jobs(SLURM, Path("/work/project"), "", NOON, ask) == 2
    assert next(states, None) is None


def test_a_cluster_that_does_not_respond_has_no_count() -> None:
    def ask(command: Sequence[str]) -> str:
        raise subprocess.CalledProcessError(1, list(command))

    assert count_pods_or_jobs(ARGO, Path("/project"), "", NOON, ask) is None
