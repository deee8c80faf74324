"""`--events` and `--on-end`: programs follow a run and learn how it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

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
