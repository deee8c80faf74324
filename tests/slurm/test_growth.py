"""Tasks that need more memory or time than their first attempt has, after the client has ended."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cluster.client import Client, assert_as_dvc
from tests.slurm.conftest import NEEDS_SLURM, make, queue, slurm
from tests.slurm.test_faults import begin_now
from tests.support.commands import bridge

pytestmark = NEEDS_SLURM
STAGES = """\
stages:
  large:
    cmd: python3 -c "print(len(bytearray(300_000_000)))" > large
    outs: [large]
  slow:
    cmd: test -e {marker} || {{ touch {marker}; sleep 600; }}; cat large > slow
    deps: [large]
    outs: [slow]
  after:
    cmd: cat slow > after
    deps: [slow]
    outs: [after]
"""
SETTINGS = """\
stages:
  "*": {retries: 0}
  large: {memory: [250Mi, 800Mi]}
  slow: {timeout: [20s, 10m]}
"""


def test_the_controller_alone_runs_a_task_again_with_more_memory_or_time(tmp_path: Path) -> None:
    if not re.search(r"^ConstrainRAMSpace\s*= yes", slurm("scontrol", "show", "config"), re.M):
        pytest.skip("this SLURM does not limit the memory of jobs")
    project = make(tmp_path / "ours", STAGES.format(marker=tmp_path / "marker"), SETTINGS)
    with Client(project, "submit", "--fuse", "none") as client:
        assert client.ended() == 0, client.printed
        run = client.run or ""
    while queue(run):
        begin_now(run)  # SLURM waits two minutes before it starts a requeued job
    bridge(project, "collect", run)
    assert_as_dvc(project)
    assert bridge(project, "status", run).count("2 attempts") == 2
    logs = bridge(project, "logs", run)
    assert logs.count("the job is queued again, with more memory") == 1
    assert logs.count("the job is queued again, with more time") == 1
