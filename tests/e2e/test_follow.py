"""`--events` and `--on-end`: programs follow a run and learn how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.local.trace_file import keep_trace
from dvc_bridge.pipeline.trace import RunTrace
from tests.support.commands import add_remote, bridge
from tests.support.paths import REPOSITORY
from tests.support.projects import CallBridge, MakeProject

SCHEMA = json.loads((REPOSITORY / "dvc_bridge/ui/events.schema.json").read_text("utf-8"))
STATUS_SCHEMA = json.loads((REPOSITORY / "dvc_bridge/ui/status.schema.json").read_text("utf-8"))
STAGES: dict[str, Any] = {
    "one": {"cmd": "echo 1; echo 1 > one", "outs": ["one"], "deps": ["raw"]},
    "bad": {"cmd": "exit 3", "deps": ["one"], "outs": ["never"]},
    "after": {"cmd": "cat never > z", "deps": ["never"], "outs": ["z"]},
}


@pytest.fixture
def project(make_project: MakeProject) -> Path:
    return make_project(STAGES, {"raw": "1"})


def _events(text: str) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        jsonschema.validate(event, SCHEMA)
    return events


def test_each_change_of_a_stage_is_an_event(project: Path, call_bridge: CallBridge) -> None:
    file = project / "events"
    printed = call_bridge(project, "repro", "--plain", "-k", "--events", str(file), code=1)
    assert "one: running" in printed
    events = _events(file.read_text())
    assert [(e["event"], e.get("stage"), e.get("outcome"), e.get("reason")) for e in events] == [
        ("run_started", None, None, None),
        ("started", "one", None, "never run (no dvc.lock entry)"),
        ("ended", "one", "ran", "never run (no dvc.lock entry)"),
        ("started", "bad", None, "never run (no dvc.lock entry)"),
        ("ended", "bad", "failed", "`exit 3` exited with 3"),
        ("ended", "after", "skipped", "bad failed"),
        ("run_ended", None, None, None),
    ]
    assert events[-1]["outcomes"] == {"ran": 1, "failed": 1, "skipped": 1}
    (trace,) = (project / ".dvc/tmp/dvc-bridge/runs").iterdir()
    assert {event["run"] for event in events} == {trace.stem}


def test_events_on_standard_output_are_alone_there(
    project: Path, capfd: pytest.CaptureFixture[str], call_bridge: CallBridge
) -> None:
    call_bridge(project, "repro", "--events", "-", "one")
    call_bridge(project, "repro", "--events", "-", "-f", "one")
    printed = call_bridge(project, "repro", "--events", "-", "one")
    outcomes = [event.get("outcome") for event in _events(printed)]
    assert outcomes == [None, "up to date", None]


def test_a_command_learns_how_the_run_ended(project: Path, call_bridge: CallBridge) -> None:
    tell = 'echo "$DVC_BRIDGE_OUTCOME $DVC_BRIDGE_EXIT_CODE $DVC_BRIDGE_FAILED" > end'
    call_bridge(project, "repro", "--plain", "one", "--on-end", tell)
    assert (project / "end").read_text() == "succeeded 0 \n"
    call_bridge(project, "repro", "--plain", "--on-end", tell, code=1)
    assert (project / "end").read_text() == "failed 1 bad\n"
    call_bridge(project, "repro", "nowhere", "--on-end", tell, code=2)
    assert (project / "end").read_text() == "failed 2 \n"


def test_a_command_that_fails_does_not_change_the_exit_code(
    project: Path, call_bridge: CallBridge
) -> None:
    printed = call_bridge(project, "repro", "--plain", "one", "--on-end", "exit 7")
    assert "the command of --on-end exited with 7" in printed


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("kill -35 $$", "was terminated by signal 35"),
        ("kill -9 $$", "was terminated by SIGKILL"),
    ],
)
def test_the_end_of_the_command_is_told(
    project: Path, call_bridge: CallBridge, command: str, problem: str
) -> None:
    printed = call_bridge(project, "repro", "nowhere", "--on-end", command, code=2)
    assert f"the command of --on-end {problem}" in printed


def test_an_error_and_stages_are_cut_to_what_an_environment_can_have(
    make_project: MakeProject, call_bridge: CallBridge
) -> None:
    name = "é\N{SNOWMAN}" * 100
    items = [f"{name}{n}" for n in range(400)]
    root = make_project({"s": {"foreach": items, "do": {"cmd": "exit 1"}}})
    tell = 'printf "%s" "$DVC_BRIDGE_FAILED" > failed; printf "%s" "$DVC_BRIDGE_MESSAGE" > message'
    call_bridge(root, "repro", "-q", "-k", "--on-end", tell, code=1)
    failed = (root / "failed").read_text().splitlines()
    assert failed == [f"s@{item}" for item in items[: len(failed)]]
    assert 100 < len(failed) < 400
    assert len((root / "message").read_text()) == 32_000


def test_the_command_learns_of_its_own_run_only(
    project: Path, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_BRIDGE_RUN", "outer")
    tell = 'echo "${DVC_BRIDGE_RUN-none}" >> runs'
    later = time.time() + 3600
    keep_trace(find_project(project), RunTrace("other", "local", later, ended=later))
    os.utime(project / ".dvc/tmp/dvc-bridge/runs/other.json", (later, later))
    call_bridge(project, "repro", "nowhere", "--on-end", tell, code=2)
    call_bridge(project, "repro", "-q", "one", "--on-end", tell)
    add_remote(project)
    call_bridge(project, "submit", "--engine", "processes", "-f", "one", "--on-end", tell)
    none, local, remote = (project / "runs").read_text().splitlines()
    assert none == "none"
    assert local.startswith("local-")
    assert remote.startswith("project-")


def test_events_that_cannot_be_written_do_not_change_a_run(
    project: Path, call_bridge: CallBridge
) -> None:
    printed = call_bridge(project, "repro", "--plain", "one", "--events", "/dev/full")
    assert "/dev/full lacks events: No space left on device" in printed
    assert (project / "one").exists()


def test_a_reader_of_events_that_ends_changes_neither_exit_code_nor_command(
    project: Path, call_bridge: CallBridge
) -> None:
    pipe = project / "pipe"
    os.mkfifo(pipe)
    Thread(target=lambda: pipe.open().close(), daemon=True).start()
    options = ("--events", str(pipe), "--on-end", "echo $DVC_BRIDGE_EXIT_CODE > end")
    call_bridge(project, "repro", "--plain", *options, code=1)
    assert (project / "end").read_text() == "1\n"


def test_what_the_command_prints_is_not_among_the_events(project: Path) -> None:
    command = [sys.executable, "-m", "dvc_bridge", "repro", "one", "--events", "-"]
    done = subprocess.run(
        [*command, "--on-end", "echo here"], cwd=project, capture_output=True, text=True, check=True
    )
    assert [event["event"] for event in _events(done.stdout)][-1] == "run_ended"
    assert done.stderr.endswith("here\n")


def test_plain_dvc_in_place_of_a_run_has_an_end_but_no_events(make_project: MakeProject) -> None:
    stages = {
        "a": {"cmd": "echo 1 > o", "outs": ["o"], "deps": ["p"]},
        "b": {"cmd": "echo 1 > p", "outs": ["p"], "deps": ["o"]},
    }
    root = make_project(stages, {"p": "1"})
    command = [sys.executable, "-m", "dvc_bridge", "repro", "-s", "a", "--events", "-"]
    tell = ["--on-end", 'echo "$DVC_BRIDGE_OUTCOME" > end']
    done = subprocess.run([*command, *tell], cwd=root, capture_output=True, text=True, check=True)
    assert "running plain `dvc repro` instead" in done.stderr
    assert done.stdout == ""
    assert (root / "end").read_text() == "succeeded\n"


def test_a_run_needs_no_standard_streams(project: Path) -> None:
    command = f"{sys.executable} -m dvc_bridge repro -k --on-end 'echo here; echo 1 > end'"
    closed = ["/bin/sh", "-c", f"exec {command} <&- >&- 2>&-"]
    done = subprocess.run(closed, cwd=project, check=False)
    assert done.returncode == 1
    assert (project / "one").read_text() == "1\n"
    assert (project / "end").exists()


def test_a_remote_run_has_events_of_its_tasks(project: Path) -> None:
    add_remote(project)
    processes = ("submit", "--engine", "processes", "one")
    assert "--events needs --wait" in bridge(project, *processes, "--events", "e", code=2)
    bridge(project, *processes, "--wait", "--events", "e")
    events = _events((project / "e").read_text())
    assert [event["event"] for event in events] == ["run_started", "started", "ended", "run_ended"]
    assert events[1]["task"] == "g0 one"


def test_the_status_of_a_failed_run_names_its_failed_stages(project: Path) -> None:
    add_remote(project)
    engine = ("--engine", "processes")
    bridge(project, "submit", *engine, "--wait", code=1)
    runs = json.loads(bridge(project, "status", "--json", *engine))["runs"]
    status = json.loads(bridge(project, "status", runs[0]["run"], "--json", *engine))
    jsonschema.validate(status, STATUS_SCHEMA)
    (group,) = (group for group in status["groups"] if group["phase"] == "Failed")
    assert group["failed"] == ["bad"]
    assert "bad | `exit 3` exited with 3" in group["log"]


def test_a_file_that_cannot_be_written_is_refused_before_anything_runs(
    project: Path, call_bridge: CallBridge
) -> None:
    assert "cannot write /nowhere/e" in call_bridge(
        project, "repro", "--events", "/nowhere/e", code=2
    )
    assert not (project / "one").exists()
