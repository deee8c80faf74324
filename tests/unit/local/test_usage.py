"""What a stage used equals what GNU time reports of the same process."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dvc_bridge.local.usage import MeasuredChild
from dvc_bridge.pipeline.trace import Usage

TIME = shutil.which("time", path="/usr/bin:/bin")
TOUCH = "x = bytearray({0} << 20); x[::4096] = bytes(len(x[::4096])); import time; time.sleep(0.05)"
LARGE = f"{sys.executable} -c '{TOUCH.format(200)}'"
BUSY = f"{sys.executable} -c 'sum(range(6_000_000))'"


# A child's peak includes that of the process that starts it; the one of the tests is large, and
# differs from run to run.
MEASURE = """\
import json, subprocess, sys
from dataclasses import asdict
from dvc_bridge.local.usage import MeasuredChild
ballast = b"x" * int(sys.argv[1])
child = MeasuredChild(subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL))
child.wait()
print(json.dumps(asdict(child.usage)))
"""


def _measured_by_a_small_process(*command: str, ballast: int = 0) -> Usage:
    """Return the usage of a command whose parent holds that many bytes more than it needs."""
    program = [sys.executable, "-c", MEASURE, str(ballast)]
    printed = subprocess.run([*program, *command], capture_output=True, text=True, check=True)
    return Usage(**json.loads(printed.stdout))


def _measured(*command: str) -> tuple[int, Usage]:
    child = MeasuredChild(subprocess.Popen(command, stdout=subprocess.DEVNULL))
    code = child.wait()
    assert child.usage
    return code, child.usage


@pytest.mark.skipif(TIME is None, reason="GNU time is not installed")
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(LARGE, id="200 MB for 50 ms"),
        pytest.param(f"{LARGE} & {BUSY} & wait; {BUSY}", id="children"),
        pytest.param(f"sleep 30 & {LARGE}; kill $!", id="forks and exits"),
    ],
)
def test_it_is_what_gnu_time_reports(line: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    time = (str(TIME), "-v", "-o", str(report))
    used = _measured_by_a_small_process(*time, "sh", "-c", line)
    user_s, system_s, peak_kib = (
        float(re.search(rf"{name}.*: ([\d.]+)", report.read_text())[1])  # type: ignore[index]
        for name in ("User time", "System time", "Maximum resident")
    )
    assert used.peak_bytes == pytest.approx(peak_kib * 1024, rel=0.05)
    assert not used.is_upper_limit
    # GNU time rounds both to hundredths.
    assert used.cpu_s == pytest.approx(user_s + system_s, rel=0.05, abs=0.03)


def test_the_peak_of_a_small_command_is_an_upper_limit() -> None:
    ballast = 64 << 20
    used = _measured_by_a_small_process("true", ballast=ballast)
    assert used.is_upper_limit
    assert used.peak_bytes > ballast / 2


def test_what_it_writes_to_the_disk_is_counted(tmp_path: Path) -> None:
    command = ["dd", "if=/dev/zero", f"of={tmp_path / 'zeros'}", "bs=1M", "count=4", "conv=fsync"]
    _, used = _measured(*command)
    assert used.written_bytes == pytest.approx(4 << 20, rel=0.05)


def test_a_signal_is_a_negative_exit_code() -> None:
    code, _ = _measured("sh", "-c", "kill -9 $$")
    assert code == -9


def test_two_commands_of_a_stage_add_up_to_their_sum_and_the_larger_peak() -> None:
    one, other = Usage(1.0, 0.5, 10, True, 1, 2), Usage(2.0, 0.5, 30, False, 3, 4)
    assert one + other == Usage(3.0, 1.0, 30, False, 4, 6)
