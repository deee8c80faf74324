"""The tests that every engine must pass; see `tests/unit/engines/test_engines.py`.

An engine's own tests subclass `EngineContract` and give the fixture `engine` a name.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dvc_bridge.app.runs import connect_engine, list_runs, read_logs, run_status, stop_run
from dvc_bridge.app.submit import Submitted, resume, submit
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.engines.registry import engine_type
from dvc_bridge.errors import StageFailedError, UsageError
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import Phase
from dvc_bridge.planning.targets import Selection
from dvc_bridge.remote_run.worker_contract import STORE
from dvc_bridge.ui.plain_view import PlainView
from tests.support.commands import add_remote, dvc_status
from tests.support.projects import MakeProject

STAGES = {
    "one": {"cmd": "echo out of one; echo 1 > one", "outs": ["one"]},
    "two": {"cmd": "cat one > two", "deps": ["one"], "outs": ["two"]},
    "aside": {"cmd": "echo aside > aside", "outs": ["aside"]},
}
SECRET = "do-not-tell"  # noqa: S105  a test's
CONFIG = {
    "core": {"remote": "store"},
    "remote": {"store": {"url": "s3://bucket/dvc", "secret_access_key": SECRET}},
}


class EngineContract:
    """Subclasses give the fixture `engine`, the name of the engine."""

    @pytest.fixture
    def project(self, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> Path:
        root = make_project(STAGES, {})
        add_remote(root)
        monkeypatch.chdir(root)
        return root

    def test_a_run_ends_where_dvc_repro_has_nothing_to_do(self, engine: str, project: Path) -> None:
        submitted = run(engine)
        assert submitted.end is not None
        submitted.end.raise_error()
        assert dvc_status(project) == {}
        status = run_status(submitted.run, engine)
        assert status.phase is Phase.SUCCEEDED
        assert {task.phase for task in status.tasks} == {Phase.SUCCEEDED}
        assert sorted(address for stages in status.stages for address in stages) == sorted(STAGES)
        assert [found.run for found in list_runs(engine)] == [submitted.run]
        assert run(engine).run == ""  # nothing is left to do

    def test_after_a_failure_what_does_not_depend_on_it_runs_and_its_output_is_in_the_log(
        self, engine: str, project: Path
    ) -> None:
        edit(project, "one", "echo no luck; exit 9")
        submitted = run(engine)
        assert submitted.end is not None
        assert isinstance(submitted.end.error, StageFailedError)
        assert (project / "aside").read_text() == "aside\n"
        status = run_status(submitted.run, engine)
        phases = {status.stages[task.task][0]: task.phase for task in status.tasks}
        assert phases["one"] is Phase.FAILED
        assert phases["aside"] is Phase.SUCCEEDED
        assert phases.get("two", Phase.OMITTED) is Phase.OMITTED
        lines = [line.text for line in read_logs(submitted.run, "one", engine=engine)]
        assert any("no luck" in line for line in lines)

    def test_a_failed_run_is_resumed_with_the_tasks_that_are_not_done(
        self, engine: str, project: Path
    ) -> None:
        flag = project.parent / "flag"
        edit(project, "one", f"test -e {flag} && echo 1 > one")
        first = run(engine)
        flag.touch()
        second = resume(first.run, engine=engine, watch=plain_view, report=print, warn=print)
        assert second.end is not None
        second.end.raise_error()
        assert dvc_status(project) == {}
        assert run_status(first.run, engine).phase is Phase.SUCCEEDED
        assert len(connect_engine(find_project(), engine).attempts(first.run)) == 2

    def test_a_worker_that_is_killed_is_started_again(self, engine: str, project: Path) -> None:
        flag = project.parent / "flag"
        kill = f"test -e {flag} || {{ touch {flag}; kill -9 $PPID; sleep 60; }}; echo 1 > one"
        edit(project, "one", kill)
        submitted = run(engine)
        assert submitted.end is not None
        submitted.end.raise_error()
        attempts = {task.attempts for task in run_status(submitted.run, engine).tasks}
        assert attempts == {1, 2}

    def test_a_run_is_stopped_once_and_can_be_resumed(self, engine: str, project: Path) -> None:
        edit(project, "one", "sleep 600")
        run_name = submit(Selection(), engine=engine, fuse=Fuse.NONE, report=print, warn=print).run
        wait_for_a_task(run_name, engine)
        with pytest.raises(UsageError, match="has not ended"):
            resume(run_name, engine=engine, report=print, warn=print)
        assert stop_run(run_name, engine)
        for _ in range(600):
            if run_status(run_name, engine).ended:
                break
            time.sleep(0.1)
        status = run_status(run_name, engine)
        assert status.ended
        assert status.phase.is_bad
        assert not stop_run(run_name, engine)

    @pytest.mark.usefixtures("project")
    def test_a_run_that_it_does_not_know_is_refused(self, engine: str) -> None:
        with pytest.raises(UsageError, match="nothere"):
            run_status("nothere", engine)

    def test_what_it_keeps_of_a_run_is_json_without_secrets(
        self, engine: str, project: Path
    ) -> None:
        found = engine_type(engine).store_settings(CONFIG, (), Settings({}))
        (section,) = (section for name, section in found.items() if "store" in name)
        assert section["url"] == "s3://bucket/dvc"
        assert SECRET not in json.dumps(found)
        submitted = run(engine)
        (kept,) = project.parent.glob(f"remote/bridge/runs/{submitted.run}/run.json")
        assert STORE in json.dumps(json.loads(kept.read_text())["manifest"])


def plain_view(_: int) -> PlainView:
    """Return the view in which runs are watched."""
    return PlainView()


def run(engine: str) -> Submitted:
    """Submit the project's stages, one per task, and wait."""
    return submit(
        Selection(), engine=engine, fuse=Fuse.NONE, watch=plain_view, report=print, warn=print
    )


def edit(project: Path, stage: str, command: str) -> None:
    """Change the command of a stage."""
    stages = {**STAGES, stage: {**STAGES[stage], "cmd": command}}
    (project / "dvc.yaml").write_text(json.dumps({"stages": stages}))


def wait_for_a_task(run_name: str, engine: str) -> None:
    """Wait until a task of the run runs."""
    for _ in range(1200):
        if any(task.phase is Phase.RUNNING for task in run_status(run_name, engine).tasks):
            return
        time.sleep(0.1)
    raise AssertionError("no task has started")
