"""`memory: {auto: ...}` and the figures of workers, in runs of worker processes."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.local.trace_file import read_trace
from dvc_bridge.pipeline.quantity import amount
from tests.support.commands import add_remote, bridge
from tests.support.projects import MakeProject

TIME = shutil.which("time", path="/usr/bin:/bin")
LARGE = f"{sys.executable} large.py"
MEASURED = f"{TIME} -v -o times sh -c" if TIME else "sh -c"
STAGES: dict[str, Any] = {
    "large": {
        "cmd": f"{MEASURED} 'sleep 9 & p=$!; {LARGE} & {LARGE}; kill $p; wait; echo > out'",
        "deps": ["large.py"],
        "outs": ["out", {"times": {"cache": False}}] if TIME else ["out"],
    },
}
FILES = {
    "large.py": "x = bytearray(200 << 20); x[::4096] = bytes(len(x[::4096]))",
    "dvc-bridge.yaml": "engine: processes\nstages: {large: {memory: {auto: 1Gi}}}\n",
}


def test_a_task_asks_for_what_earlier_runs_used(make_project: MakeProject) -> None:
    root = make_project(STAGES, FILES)
    add_remote(root)
    first = "memory 1Gi: no run of large was measured"
    assert first in bridge(root, "plan")
    assert f"g0  {first}" in bridge(root, "submit", "--wait")
    trace = read_trace(find_project(root))
    (stage,) = (stage for stage in trace.stages if stage.task is not None)
    assert stage.requests == {"memory": "1Gi"}
    _check_usage(root, trace.stages[stage.task or 0].execution)
    shutil.rmtree(root / ".dvc" / "tmp" / "dvc-bridge")  # another clone
    assert first in bridge(root, "plan", "--force")
    printed = bridge(root, "submit", "--wait", "--force")
    reason = re.search(r"g0  memory (\d+)Mi: large used at most (\d+) MiB", printed)
    assert reason
    assert 200 <= int(reason[2]) < 300
    assert int(reason[1]) * 2**20 >= int(reason[2]) * 2**20 * 1.25
    (stage,) = (s for s in read_trace(find_project(root)).stages if s.task is not None)
    assert amount(str(stage.requests["memory"])) == int(reason[1]) * 2**20
    assert f"memory {reason[1]}Mi: large used at most" in bridge(root, "plan", "--force")


def _check_usage(root: Path, execution: Any) -> None:
    """Compare what a worker measured with what GNU time reports of the same command."""
    usage = execution.usage
    assert (execution.exit_code, execution.node != "", execution.pushed_bytes > 0) == (
        0,
        True,
        True,
    )
    if TIME is None:
        return
    report = (root / "times").read_text()
    user_s, system_s, peak_kib = (
        float(re.search(rf"{name}.*: ([\d.]+)", report)[1])  # type: ignore[index]
        for name in ("User time", "System time", "Maximum resident")
    )
    assert usage.peak_bytes == pytest.approx(peak_kib * 1024, rel=0.05)
    assert usage.cpu_s == pytest.approx(user_s + system_s, rel=0.05, abs=0.03)
