"""A worker ends its work when its time limit is over."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from dvc_bridge.remote_run.worker_contract import OUT_OF_TIME, time_limit
from dvc_bridge.worker.time_limit import within

SLEEP = """\
import signal, sys, time
from dvc_bridge.local.signals import raised
from dvc_bridge.worker.time_limit import within
def work():
    print("begun", flush=True)
    time.sleep(60)
    return 0
with raised():
    sys.exit(within({seconds}, work))
"""


def test_work_that_takes_too_long_is_ended_and_named() -> None:
    code = SLEEP.format(seconds=0.1)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == OUT_OF_TIME
    assert "timeout: this task may run for 0.1 s" in done.stderr


def test_another_signal_is_no_timeout() -> None:
    code = SLEEP.format(seconds=60)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=-3) as child:
        assert child.stdout
        child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) not in (0, OUT_OF_TIME)


@pytest.mark.parametrize("seconds", [None, 60.0])
def test_the_exit_code_of_work_in_time_is_kept(seconds: float | None) -> None:
    assert within(seconds, lambda: 3) == 3


def test_the_limit_comes_from_a_variable() -> None:
    assert time_limit({"DVC_BRIDGE_TIMEOUT": "90"}) == 90
    assert time_limit({}) is None
