"""The trace of a run: what became of each stage and why, also of a run that was killed."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.local import trace_file
from dvc_bridge.local.trace_file import read_trace, trace_names
from dvc_bridge.pipeline.trace import RunTrace, StageTrace, plain_trace
from tests.support.paths import REPOSITORY
from tests.support.projects import CallBridge, MakeProject, Start

SCHEMA = json.loads((REPOSITORY / "dvc_bridge/report/trace.schema.json").read_text("utf-8"))
STAGES: dict[str, Any] = {
    "one": {"cmd": ["cat raw > one", "sleep 0.05"], "deps": ["raw"], "outs": ["one"]},
    "two": {"cmd": "cat one > two", "deps": ["one"], "outs": ["two"]},
    "bad": {"cmd": "exit 3", "deps": ["two"], "outs": ["never"]},
    "after": {"cmd": "cat never > z", "deps": ["never"], "outs": ["z"]},
}


def _last(root: Path) -> RunTrace:
    trace = read_trace(find_project(root))
    jsonschema.validate(json.loads(json.dumps(plain_trace(trace))), SCHEMA)
    return trace


def _by_address(trace: RunTrace) -> dict[str, StageTrace]:
    return {stage.address: stage for stage in trace.stages}


@pytest.fixture
def project(make_project: MakeProject) -> Path:
    return make_project(STAGES, {"raw": "1", "dvc-bridge.yaml": "stages: {one: {memory: 1Gi}}"})


def test_a_stage_has_its_reason_times_usage_and_outs(
    project: Path, call_bridge: CallBridge
) -> None:
    call_bridge(project, "repro", "--plain", "two")
    trace = _last(project)
    stages = _by_address(trace)
    one, two = stages["one"], stages["two"]
    assert one.outcome == two.outcome == "ran"
    assert one.reason == "never run (no dvc.lock entry)"
    assert one.requests == {"memory": "1Gi"}
    assert [item["path"] for item in one.entry["outs"]] == ["one"]
    assert (project / one.log).parent.is_dir()
    assert [trace.stages[up].address for up in two.waits_for] == ["one"]
    execution = one.execution
    assert execution
    assert execution.usage
    assert (execution.exit_code, execution.node) == (0, os.uname().nodename)
    assert execution.command_s
    assert execution.command_s >= 0.05
    ends = [trace.started, execution.started, execution.command_started, execution.command_ended]
    assert sorted(ends, key=float) == ends  # type: ignore[arg-type]
    assert two.queued == execution.ended
    assert trace.ended
    assert execution.ended
    assert trace.ended >= execution.ended


def test_failures_say_why_and_what_they_skip(project: Path, call_bridge: CallBridge) -> None:
    call_bridge(project, "repro", "--plain", "--keep-going", code=1)
    stages = _by_address(_last(project))
    assert (stages["bad"].outcome, stages["bad"].error) == ("failed", "`exit 3` exited with 3")
    assert stages["bad"].execution
    assert stages["bad"].execution.exit_code == 3
    assert (stages["after"].outcome, stages["after"].reason) == ("skipped", "bad failed")


def test_a_second_run_says_what_is_unchanged_and_what_it_predicted(
    project: Path, call_bridge: CallBridge
) -> None:
    call_bridge(project, "repro", "--plain", "two")
    call_bridge(project, "repro", "--plain", "two")
    assert {stage.outcome for stage in _last(project).stages} == {"up to date"}
    (project / "raw").write_text("2")
    call_bridge(project, "repro", "--plain", "two")
    trace = _last(project)
    assert _by_address(trace)["one"].reason.startswith("dep raw changed from ")
    assert trace.predicted_s
    assert trace.predicted_s >= 0.05
    (project / "raw").write_text("1")
    call_bridge(project, "repro", "--plain", "two")
    assert {stage.outcome for stage in _last(project).stages} == {"run cache"}


def test_a_killed_run_keeps_what_it_had(project: Path, start: Start) -> None:
    slow = {"cmd": "touch started; sleep 60 > /dev/null 2>&1", "deps": ["one"], "outs": ["x"]}
    (project / "dvc.yaml").write_text(json.dumps({"stages": {**STAGES, "two": slow}}))
    run = start(project, "repro", "--plain")
    run.until_there(project / "started")
    os.kill(run.process.pid, signal.SIGKILL)
    run.ended()
    trace = _last(project)
    outcomes = {stage.address: stage.outcome for stage in trace.stages}
    assert outcomes == {"one": "ran", "two": "running", "bad": "waiting", "after": "waiting"}
    assert trace.ended is None
    (path,) = (project / ".dvc/tmp/dvc-bridge/runs").iterdir()
    path.write_text(path.read_text()[:-10])  # the last line is cut off
    assert _by_address(_last(project))["one"].outcome == "ran"


def test_the_oldest_traces_are_removed(
    project: Path, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_file, "KEPT", 2)
    names = list(_run_thrice(project, call_bridge))
    assert trace_names(find_project(project)) == names[1:]


def _run_thrice(project: Path, call_bridge: CallBridge) -> Iterator[str]:
    for _ in range(3):
        call_bridge(project, "repro", "--plain", "one")
        yield _last(project).run
