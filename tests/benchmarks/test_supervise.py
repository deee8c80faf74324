"""A measured command leaves no process, and its exit code and CPU are those of all it started."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.comparison import supervise

BURN = "import time\nwhile time.process_time() < 0.3: pass"
DAEMON = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
    " start_new_session=True)\n"
    "print(child.pid)"
)


def measure(code: str, log: Path, timeout_s: float = 30) -> dict[str, Any]:
    program = (sys.executable, "-I", "-S", supervise.__file__, str(timeout_s), str(log), "--")
    command = [*program, sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def test_the_cpu_of_grandchildren_counts(tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
    measured = measure(code, tmp_path / "log")
    assert measured["user_s"] + measured["system_s"] >= 0.3
    assert measured["exit_code"] == 0


def test_a_daemon_does_not_outlive_its_measurement(tmp_path: Path) -> None:
    measure(DAEMON, tmp_path / "log")
    assert not psutil.pid_exists(int((tmp_path / "log").read_text()))


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    start_s = time.monotonic()
    assert measure("import time; time.sleep(600)", tmp_path / "log", 0.3)["exit_code"] == 124
    assert time.monotonic() - start_s < 60


def test_the_end_of_a_command_is_not_looked_for_at_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: float) -> None:
        raise AssertionError("waiting in steps makes short times multiples of the step")

    monkeypatch.setattr(time, "sleep", refuse)
    _, wall_s, code = supervise.run(["sleep", "0.1"], str(tmp_path / "log"), 60)
    assert (wall_s >= 0.1, code) == (True, 0)


def test_an_exit_by_a_signal_is_reported_as_in_a_shell(tmp_path: Path) -> None:
    assert measure("import os; os.kill(os.getpid(), 9)", tmp_path / "log")["exit_code"] == 137
