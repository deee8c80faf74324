"""`dvc-bridge gc`: a run that may still be running stays, even if its cluster does not respond."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.kubernetes_api import serving, workflow
from tests.support.projects import CallBridge
from tests.unit.app.test_run_end import lose_result, run_of

HERE = {"uid": "u1", "host": "https://elsewhere:6443", "namespace": "team"}
# No server listens at this address.
SILENT = "http://127.0.0.1:9"


def folder_of(root: Path) -> Path:
    return root.parent / "remote/bridge/runs" / run_of(root)


def code_of(root: Path) -> Path:
    (code,) = root.parent.glob("remote/bridge/code/*")
    return code


def submitted_to(root: Path, cluster: dict[str, str]) -> None:
    """Turn the run into a submitted one, as `submit` records it."""
    code = code_of(root).name.partition(".")[0]
    record: dict[str, Any] = {"code": code, "manifest": {}, "cluster": cluster}
    (folder_of(root) / "run.json").write_text(json.dumps(record))


def aged(root: Path, days: int) -> None:
    for path in folder_of(root).rglob("*"):
        then = path.stat().st_mtime - days * 86_400
        os.utime(path, (then, then))


@pytest.fixture
def unfinished(pods_project: Path) -> Path:
    """A project with a run that lacks a result, submitted to the cluster HERE."""
    lose_result(pods_project, "two")
    submitted_to(pods_project, HERE)
    return pods_project


def kept(call: CallBridge, root: Path, *args: str) -> str:
    """Check that gc refuses and removes nothing; return its reason for the run."""
    before = sorted(root.parent.glob("remote/**/*"))
    said = call(root, "gc", *args, code=2)
    assert sorted(root.parent.glob("remote/**/*")) == before
    line, fix = said.splitlines()[-2:]
    assert fix == "fix: a run that may still go on is not removed"
    return line.removeprefix(f"dvc-bridge: run {run_of(root)} is kept: ")


@pytest.mark.parametrize("named", [True, False], ids=["named", "old"])
def test_a_run_stays_where_the_cluster_cannot_be_asked(
    unfinished: Path, call_bridge: CallBridge, named: bool
) -> None:
    args = [run_of(unfinished)] if named else ["--days", "0"]
    said = kept(call_bridge, unfinished, *args)
    assert said.startswith("the engine does not say whether it goes on: no cluster is configured")


def test_a_run_stays_where_the_credentials_have_expired_or_the_server_is_silent(
    unfinished: Path, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = unfinished.parent / "kubeconfig"
    with serving(unfinished.parent, [], refuses=True) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(file))
        said = kept(call_bridge, unfinished, run_of(unfinished))
        assert "does not say whether it goes on: " in said
    monkeypatch.setattr("dvc_bridge.engines.kubernetes.connection.PAUSES_S", ())
    file.write_text(file.read_text().replace(cluster["host"], SILENT))
    said = kept(call_bridge, unfinished, run_of(unfinished))
    assert "does not say whether it goes on: " in said


@pytest.mark.parametrize("phase", ["Running", "Pending"])
def test_a_run_stays_whose_workflow_goes_on(
    unfinished: Path, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    run = run_of(unfinished)
    monkeypatch.setenv("KUBECONFIG", str(unfinished.parent / "kubeconfig"))
    with serving(unfinished.parent, [workflow(run, "Failed"), workflow(run, phase)]):
        said = kept(call_bridge, unfinished, run)
    assert said == f"it goes on; dvc-bridge stop {run} ends it"


@pytest.mark.parametrize("other", [{"uid": "u2"}, {"namespace": "other"}])
def test_a_run_of_another_cluster_or_namespace_stays(
    unfinished: Path,
    call_bridge: CallBridge,
    monkeypatch: pytest.MonkeyPatch,
    other: dict[str, str],
) -> None:
    submitted_to(unfinished, {**HERE, **other})
    monkeypatch.setenv("KUBECONFIG", str(unfinished.parent / "kubeconfig"))
    with serving(unfinished.parent, []):
        said = kept(call_bridge, unfinished, run_of(unfinished))
    space = other.get("namespace", "team")
    where = f"namespace {space} of https://elsewhere:6443"
    assert said == f"it was submitted to {where}, and this is another one"


@pytest.mark.parametrize("workflows", ["ended", "deleted"])
def test_a_run_goes_that_its_cluster_knows_to_have_ended(
    unfinished: Path, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch, workflows: str
) -> None:
    run = run_of(unfinished)
    monkeypatch.setenv("KUBECONFIG", str(unfinished.parent / "kubeconfig"))
    known = [workflow(run, "Failed")] if workflows == "ended" else []
    with serving(unfinished.parent, known):
        assert f"removed run {run}" in call_bridge(unfinished, "gc", run)
    assert list(unfinished.parent.glob("remote/bridge/runs/*")) == []


def test_a_run_with_all_results_goes_wherever_it_was_submitted(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    submitted_to(pods_project, HERE)
    run = run_of(pods_project)
    assert f"removed run {run}" in call_bridge(pods_project, "gc", run)


def test_a_run_with_a_failed_result_may_be_retried_and_stays(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    submitted_to(pods_project, HERE)
    path = next(folder_of(pods_project).glob("stages/*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "outcome": "failed"}))
    assert "the engine does not say" in kept(call_bridge, pods_project, run_of(pods_project))


def test_a_run_of_an_unknown_cluster_stays_until_nothing_was_written_for_the_days(
    pods_project: Path, call_bridge: CallBridge
) -> None:
    lose_result(pods_project, "two")
    (folder_of(pods_project) / "run.json").unlink(missing_ok=True)
    run = run_of(pods_project)
    said = kept(call_bridge, pods_project, run)
    assert said == "stages have no result, and it was written to not long ago"
    aged(pods_project, 8)
    assert f"would remove run {run}" in call_bridge(pods_project, "gc", "--dry")
    assert f"removed run {run}" in call_bridge(pods_project, "gc", run)


def test_what_is_kept_keeps_its_code_while_others_go(
    unfinished: Path, call_bridge: CallBridge
) -> None:
    run, folder, code = run_of(unfinished), folder_of(unfinished), code_of(unfinished)
    aged(unfinished, 8)
    other = folder.with_name("other")
    other.mkdir()
    (other / "stages.json").write_text("[]")
    for path in (other / "stages.json", code):
        os.utime(path, (0, 0))
    said = call_bridge(unfinished, "gc", code=2)
    assert "removed run other\n" in said
    assert f"run {run} is kept: the engine does not say" in said
    assert (code.exists(), folder.exists(), other.exists()) == (True, True, False)
