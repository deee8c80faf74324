"""Settings that the cluster refuses are found before anything is uploaded, with the fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.projects import CHAIN
from tests.slurm.conftest import NEEDS_SLURM, make, slurm
from tests.support.commands import bridge

pytestmark = NEEDS_SLURM


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make(tmp_path / "ours", CHAIN)


@pytest.fixture
def short_partition() -> Iterator[None]:
    """The default partition, for a while with a time limit of two hours."""
    name = slurm("sinfo", "--noheader", "--format=%P").split("*")[0].split()[-1]
    slurm("scontrol", "update", f"partition={name}", "maxtime=120")
    yield
    slurm("scontrol", "update", f"partition={name}", "maxtime=UNLIMITED")


@pytest.mark.parametrize(
    ("settings", "message", "fix"),
    [
        ("slurm: {partition: nowhere}\n", "invalid partition", "sinfo"),
        ("slurm: {reservation: none}\n", "reservation is invalid", "scontrol show reservation"),
        ("slurm: {constraint: none}\n", "Invalid feature", "slurm.constraint"),
        ("slurm: {extra: [--nope]}\n", "unrecognized option", "slurm.extra"),
        ('stages: {"*": {memory: 900Ti}}\n', "configuration is not available", "megabytes"),
        ('stages: {"*": {cpu: 9000}}\n', "not available", "lower cpu or memory"),
        ('stages: {"*": {gpu: 1}}\n', "generic resource", "the cluster has no such GPUs"),
    ],
)
def test_submit_refuses_what_the_cluster_refuses(
    project: Path, settings: str, message: str, fix: str
) -> None:
    (project / "dvc-bridge.yaml").write_text(f"engine: slurm\n{settings}")
    for command in ("submit", "doctor"):
        printed = bridge(project, command, code=2)
        assert message in printed
        assert fix in printed
    assert not list(project.parent.glob("remote/bridge/runs/*"))


@pytest.mark.usefixtures("short_partition")
def test_submit_refuses_a_time_above_the_limit_of_the_partition(project: Path) -> None:
    (project / "dvc-bridge.yaml").write_text('engine: slurm\nstages: {"*": {timeout: 3h}}\n')
    printed = bridge(project, "submit", code=2)
    assert "180 minutes are above the limit of partition" in printed
    assert "lower timeout" in printed


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    project = make(tmp_path / 'we\'ird %j "name" $(touch x)', CHAIN)
    assert "3 ran" in bridge(project, "submit", "--wait")
    assert not list(tmp_path.rglob("x"))


def test_doctor_proves_by_a_job_that_a_node_can_run_tasks(project: Path) -> None:
    printed = bridge(project, "doctor")
    assert "remote from the node" in printed
    assert "is writable" in printed


def test_doctor_finds_a_python_without_dvc_bridge(project: Path) -> None:
    (project / "dvc-bridge.yaml").write_text("engine: slurm\nslurm: {python: /usr/bin/python3}\n")
    printed = bridge(project, "doctor", code=2)
    assert "the Python on the node has no dvc-bridge" in printed
    assert "slurm.python" in printed
