"""A run that is stopped: no result is lost, no process is left, and the next run continues."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.support.commands import bridge, dvc
from tests.support.projects import MakeProject, Start

# Waits for the first time only. Python: a bash that gets Ctrl-C while `touch` ends well goes on.
WAIT = f"""{sys.executable} -c 'import time; open("started", "w"); time.sleep(300)'"""
STAGES: dict[str, Any] = {
    "quick": {"cmd": "echo 1 > quick.txt", "outs": ["quick.txt"]},
    # The shell has a child process, as in most commands.
    "slow": {
        "cmd": f"test -e started || {WAIT}; echo > slow.txt",
        "deps": ["quick.txt"],
        "outs": ["slow.txt"],
    },
    "after": {"cmd": "echo > after.txt", "deps": ["slow.txt"], "outs": ["after.txt"]},
}


def assert_none_left(processes: list[psutil.Process]) -> None:
    left = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert left == []


def assert_goes_on(root: Path) -> None:
    """Check that finished stages are in dvc.lock and do not run again, and that DVC agrees."""
    assert list(yaml.safe_load((root / "dvc.lock").read_text())["stages"]) == ["quick"]
    text = bridge(root, "repro")
    assert "2 ran, 1 unchanged" in text
    assert "up to date" in dvc(root, "status")


def test_ctrl_c_at_the_terminal_stops_what_runs_and_keeps_what_has_finished(
    make_project: MakeProject, start: Start
) -> None:
    root = make_project(STAGES)
    run = start(root, "repro", "-j2", columns=80)
    processes = run.until_there(root / "started")
    run.key(b"\x03")
    assert run.ended() == 128 + signal.SIGINT
    assert "stopping 1 stage; a second signal kills them" in run.printed
    assert_none_left(processes)
    assert_goes_on(root)


def test_sigterm_to_the_process_alone_reaches_what_its_commands_have_started(
    make_project: MakeProject, start: Start
) -> None:
    slow = "(trap 'sleep 1; echo tidied > tidied; exit' TERM; touch started; sleep 300 & wait)"
    stages = {**STAGES, "slow": {**STAGES["slow"], "cmd": f"{slow}; echo"}}
    root = make_project(stages)
    run = start(root, "repro")
    processes = run.until_there(root / "started")
    run.process.send_signal(signal.SIGTERM)
    assert run.ended() == 128 + signal.SIGTERM
    assert_none_left(processes)
    assert (root / "tidied").read_text() == "tidied\n"  # the run waited for it
    assert "slow: failed" in run.printed
    assert "fix: run again to continue" in run.printed


def test_a_second_ctrl_c_kills_a_command_that_ignores_the_first(
    make_project: MakeProject, start: Start
) -> None:
    deaf = "trap '' INT TERM; test -e started || { touch started; sleep 300; }; echo > slow.txt"
    root = make_project({**STAGES, "slow": {**STAGES["slow"], "cmd": deaf}})
    run = start(root, "repro")
    processes = run.until_there(root / "started")
    os.killpg(run.process.pid, signal.SIGINT)
    run.until(lambda: "stopping 1 stage; a second signal kills them" in run.printed)
    time.sleep(0.3)
    assert run.process.is_running()
    os.killpg(run.process.pid, signal.SIGINT)
    assert run.ended() == 128 + signal.SIGINT
    assert f"`{deaf}` was terminated by SIGKILL" in run.printed
    assert_none_left(processes)
    assert_goes_on(root)


def test_a_process_that_a_command_leaves_behind_is_not_waited_for(
    make_project: MakeProject,
) -> None:
    stages = {"serve": {"cmd": "sleep 300 & echo $! > pid; echo up", "outs": ["pid"]}}
    root = make_project(stages)
    text = bridge(root, "repro")
    assert "serve | up" in text
    left = psutil.Process(int((root / "pid").read_text()))
    assert left.is_running()
    left.kill()


@pytest.mark.parametrize("check", ["--verify", "--check-against-dvc"])
def test_a_check_that_is_stopped_leaves_nothing_behind(
    make_project: MakeProject,
    start: Start,
    check: str,
) -> None:
    waits = 'test -z "$MARK" || { touch "$MARK"; sleep 300; }; echo 1 > o'
    root = make_project({"slow": {"cmd": waits, "outs": ["o"]}})
    bridge(root, "repro")
    before = project_state(root, root / ".dvc/cache")
    temporary = root.parent / "tmp"
    temporary.mkdir()
    mark = root.parent / "started"
    env = {"TMPDIR": str(temporary), "MARK": str(mark)}
    run = start(root, "repro", "-f", check, env=env)
    processes = run.until_there(mark)
    run.process.send_signal(signal.SIGTERM)
    assert run.ended() == 128 + signal.SIGTERM, run.printed
    assert "dvc-bridge: stopped" in run.printed
    assert_none_left(processes)
    assert [*temporary.iterdir(), *(root / ".dvc/tmp/dvc-bridge").glob("verify-*")] == []
    assert differences(before, project_state(root, root / ".dvc/cache")) == []
