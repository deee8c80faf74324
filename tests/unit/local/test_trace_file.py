"""Traces of runs on disk: whole, of a killed run, damaged, and replaced while they are read."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError, VersionMismatchError
from dvc_bridge.local.trace_file import keep_trace, read_trace
from dvc_bridge.pipeline.check_trace import KINDS
from dvc_bridge.pipeline.trace import Execution, RunTrace, StageTrace, Usage, plain_trace

TRACE = RunTrace(
    "one",
    "local",
    1.0,
    ended=4.0,
    predicted_s=2.0,
    stages=(
        StageTrace(
            "a",
            "ran",
            entry={"outs": [{"path": "o", "md5": "0"}], "params": {"params.yaml": {"p": None}}},
            attempts=2,
            retry_reasons=("evicted",),
            requests={"memory": "2Gi", "gpu": 1},
            execution=Execution(1.0, 3.0, 1.5, 2.5, 0, Usage(0.5, 0.0, 2**20)),
        ),
        StageTrace("b", "up to date", (0,)),
    ),
)
PLAIN = json.loads(json.dumps(plain_trace(TRACE)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a folder for traces."""
    found = Project(tmp_path, None, {})
    (found.scratch / "runs").mkdir(parents=True)
    return found


def _stage(**values: Any) -> dict[str, Any]:
    return {**PLAIN, "stages": [{**PLAIN["stages"][0], **values}]}


@pytest.mark.parametrize("kind", [RunTrace, StageTrace, Execution, Usage])
def test_every_field_of_a_trace_can_be_checked(kind: type) -> None:
    assert {str(field.type).removesuffix(" | None") for field in fields(kind)} <= KINDS.keys()


def test_a_trace_is_read_as_it_was_written(project: Project) -> None:
    keep_trace(project, TRACE)
    assert read_trace(project) == TRACE


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ([], "it has no schema"),
        ({**PLAIN, "schema": "1"}, "it has no schema"),
        ({**PLAIN, "started": None}, "the trace has no started"),
        ({**PLAIN, "started": float("nan")}, "the trace: started is not valid"),
        ({**PLAIN, "ended": 1e30}, "the trace: ended is not valid"),
        ({**PLAIN, "jobs": 10**30}, "the trace: jobs is not valid"),
        ({key: PLAIN[key] for key in PLAIN if key != "stages"}, "the trace has no stages"),
        ({**PLAIN, "stages": {"a": 1}}, "the trace: stages is not valid"),
        ({**PLAIN, "stages": ["a"]}, "stage 0 is not a mapping"),
        (_stage(address=None), "stage 0 has no address"),
        (_stage(outcome="odd"), "stage 0: there is no outcome 'odd'"),
        (_stage(waits_for=[1]), "stage 0 waits for a stage that does not exist"),
        (_stage(waits_for=["0"]), "stage 0 waits for a stage that does not exist"),
        (_stage(retry_reasons=[1]), "stage 0: retry_reasons is not valid"),
        (_stage(requests={"memory": "much"}), "a Kubernetes quantity"),
        (_stage(entry={"outs": ["o"]}), "stage 0: outs are not valid"),
        (_stage(entry={"outs": [{"md5": "0"}]}), "stage 0: outs have a path or md5 that is not"),
        (_stage(entry={"params": {"p": 1}}), "stage 0: params are not valid"),
        (_stage(execution={}), "stage 0 has no started"),
        (_stage(execution=[1]), "stage 0: execution is not valid"),
        (_stage(execution={"started": 1, "usage": {"user_s": "1"}}), "user_s is not valid"),
    ],
)
def test_a_damaged_trace_is_refused(project: Project, content: Any, problem: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    for suffix in (".json", ".jsonl"):
        file = project.scratch / "runs" / f"one{suffix}"
        file.write_text(text)
        with pytest.raises(UsageError, match=f"runs/one{suffix} is damaged: .*{problem}"):
            read_trace(project, "one")
        file.unlink()


def test_a_newer_schema_is_another_error(project: Project) -> None:
    (project.scratch / "runs/one.json").write_text('{"schema": 2, "stages": {}}')
    with pytest.raises(VersionMismatchError, match="has schema 2"):
        read_trace(project)


def test_a_killed_run_keeps_what_it_had(project: Project) -> None:
    later = json.dumps([1, {"address": "b", "outcome": "running"}])
    file = project.scratch / "runs/one.jsonl"
    file.write_text(f"{json.dumps(PLAIN)}\n{later}\n{later[:9]}")
    assert [stage.outcome for stage in read_trace(project).stages] == ["ran", "running"]
    file.write_text(f"{json.dumps(PLAIN)}\n{later.replace('1', '2', 1)}\n")
    with pytest.raises(UsageError, match="is not a change of one of its stages"):
        read_trace(project)


def test_a_run_can_end_while_its_trace_is_read(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = project.scratch / "runs/one.jsonl"
    partial.write_text(f"{json.dumps(PLAIN)}\n")
    read_text = Path.read_text

    def end_before(path: Path, *args: Any) -> str:
        if path == partial:
            keep_trace(project, TRACE)
            partial.unlink()
        return read_text(path, *args)

    monkeypatch.setattr(Path, "read_text", end_before)
    assert read_trace(project) == TRACE


def test_a_folder_in_the_place_of_a_trace_is_refused(project: Project) -> None:
    (project.scratch / "runs/one.json").mkdir()
    with pytest.raises(UsageError, match=r"one.json cannot be read: Is a directory"):
        read_trace(project)
