"""The engines that need no cluster, against the contract of engines."""

from __future__ import annotations

import json

import pytest

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.engines.processes import ProcessEngine
from dvc_bridge.engines.registry import engine_names, engine_type
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.local.trace_file import read_trace
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import Phase
from dvc_bridge.remote_run.worker_contract import STORE
from tests.engine_contract import STAGES, EngineContract
from tests.support.commands import add_remote, bridge, dvc_status
from tests.support.paths import REPOSITORY
from tests.support.projects import MakeProject

SUPPORT = REPOSITORY / "tests" / "support"


class TestProcesses(EngineContract):
    @pytest.fixture
    def engine(self) -> str:
        return "processes"


class TestExample(EngineContract):
    @pytest.fixture
    def engine(self, monkeypatch: pytest.MonkeyPatch) -> str:
        monkeypatch.syspath_prepend(str(SUPPORT))
        return "script"


def test_the_commands_of_a_run_work_with_an_engine(make_project: MakeProject) -> None:
    root = make_project(STAGES, {})
    add_remote(root)
    printed = bridge(root, "submit", "--engine", "processes", "--wait")
    assert "3 of 3 stages have never been timed" in printed
    assert "3 ran\n" in printed
    assert "match what `dvc repro` would have produced" in printed
    assert dvc_status(root) == {}
    trace = read_trace(find_project(root))
    assert trace.predicted_s is None
    assert {(s.outcome, s.attempts) for s in trace.stages if s.task is not None} == {("ran", 1)}
    executions = [stage.execution for stage in trace.stages if stage.execution]
    assert all(execution.usage for execution in executions)
    assert sum(execution.pushed_bytes for execution in executions) > 0
    of_engine = ("--engine", "processes")
    run = json.loads(bridge(root, "status", "--json", *of_engine))["runs"][0]["run"]
    assert "Succeeded" in bridge(root, "status", run, *of_engine)
    assert "out of one" in bridge(root, "logs", run, *of_engine)
    assert "had already ended" in bridge(root, "stop", run, *of_engine)
    (root / "two").unlink()
    (root / "dvc.lock").unlink()
    printed = bridge(root, "retry", run, "--wait")
    assert "every stage of run" in printed
    assert "match what `dvc repro` would have produced" in printed
    assert dvc_status(root) == {}


def test_engines_are_found_by_their_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"argo", "processes"} <= set(engine_names())
    monkeypatch.syspath_prepend(str(SUPPORT))
    assert "script" in engine_names()
    assert engine_type("script").name == "script"


def test_an_engine_that_is_not_installed_is_refused_with_the_names_of_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"no engine brew[\s\S]*argo, processes, slurm"):
        engine_type("brew")


def test_a_run_whose_supervisor_does_not_start_has_failed(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(STAGES, {})
    add_remote(root)
    engine = ProcessEngine.connect(find_project(root), Settings({}))
    record = {"run": "r", "attempt": "r", "tasks": [], "environment": {STORE: "{}"}, "slots": 1}
    monkeypatch.setattr("sys.executable", "false")
    with pytest.raises(BridgeError, match=r"did not start[\s\S]*retry r"):
        engine.start(record)
    assert engine.status("r").phase is Phase.ERROR
    assert [status.ended for status in engine.watch("r")] == [True]
