"""What an older version wrote is read: plans, results, Workflows, settings, history, flow runs.

tests/old_version has the data, and the script that writes them with that version.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.remote_run.shared_durations import known_seconds
from dvc_bridge.remote_run.worker_contract import RUN
from dvc_bridge.verify.copy_tree import copy_tree
from dvc_bridge.verify.equality import differences
from dvc_bridge.verify.project_state import project_state
from tests.old_version.data import DATA, FOLDER, REPOSITORY_URL, copy_data, replace_text
from tests.support.commands import bridge, dvc_repro
from tests.support.kubernetes_api import serving, worker_commands
from tests.support.projects import CallBridge

PLANNED_WITH = "3.67.1"  # the version of DVC of the data
ALL_GOOD = "dvc.lock and the workspace match what `dvc repro` would have produced"

# Runs the steps of the generated flow one after the other, because Metaflow's own scheduler takes
# several seconds per step.
PLAY_GENERATED_FLOW = """
import runpy
from types import SimpleNamespace
from metaflow import current
steps = runpy.run_path("generated.py")["Generated"]
current._set_env(SimpleNamespace(name="Generated"), run_id="1", retry_count=0)
flow = SimpleNamespace(force=False, level_1=None, join_1=None, end=None)
flow.next = lambda *args, **options: None
steps.start(flow)
for flow.input in flow.groups:
    steps.level_1(flow)
steps.join_1(flow, [flow])
steps.end(flow)
"""
# DVC's own index warns about the library that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project in which its first stage has run."""
    root = tmp_path_factory.mktemp("old-version") / "project"
    command = ["git", "clone", "--quiet", str(DATA / "project.bundle"), str(root)]
    subprocess.run(command, check=True)
    dvc_repro(root, "base")
    return root


@pytest.fixture(scope="module")
def by_dvc(clone: Path) -> Path:
    """The same clone after `dvc repro`."""
    root = clone.with_name("by_dvc")
    copy_tree(clone, root)
    dvc_repro(root)
    return root


@pytest.fixture
def project(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the clone, next to the place of its remote."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("BEFORE", "")  # a command of the project evaluates it
    copy_tree(clone, tmp_path / "project")
    return tmp_path / "project"


def assert_same(one: Path, other: Path) -> None:
    """Check that two projects have the same files, dvc.lock and cache."""
    first, second = (project_state(root, root / ".dvc/cache") for root in (one, other))
    assert [str(difference) for difference in differences(first, second)] == []


def run_in(folder: Path) -> str:
    (run,) = (path.name for path in folder.glob("remote/bridge/runs/*"))
    return run


def workflow_in(folder: Path, phase: str) -> dict[str, Any]:
    """Return the Workflow of the run in flight."""
    workflow: dict[str, Any] = json.loads((folder / "workflow.json").read_text())
    workflow["status"]["phase"] = phase
    return workflow


def work(
    call_bridge: CallBridge,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    commands: Iterable[tuple[str, str, Mapping[str, str]]],
) -> None:
    """Run workers, each in a folder of its own."""
    for number, (_, reference, variables) in enumerate(commands):
        pod = folder / f"pod{number}"
        pod.mkdir()
        with monkeypatch.context() as patch:
            # A worker refuses a plan of another version of DVC, which this test is not about.
            patch.setattr("dvc_bridge.worker.main.version", {"dvc": PLANNED_WITH}.__getitem__)
            for name, value in {**variables, "HOME": str(pod), "TMPDIR": str(pod)}.items():
                patch.setenv(name, value)
            call_bridge(pod, "worker", reference)


def test_collect_of_a_finished_run_ends_where_dvc_repro_does(
    project: Path, by_dvc: Path, tmp_path: Path, call_bridge: CallBridge
) -> None:
    copy_data("finished", tmp_path)
    output = call_bridge(project, "collect", run_in(tmp_path))
    assert output.startswith("3 ran")
    assert ALL_GOOD in output
    assert_same(by_dvc, project)


@pytest.mark.parametrize("command", ["submit", "retry"])
def test_a_run_in_flight_goes_on_with_its_workflow_or_with_retry_and_ends_where_dvc_repro_does(
    command: str,
    project: Path,
    by_dvc: Path,
    tmp_path: Path,
    call_bridge: CallBridge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy_data("in_flight", tmp_path)
    run = run_in(tmp_path)
    workflows = [workflow_in(tmp_path, "Failed")]
    with serving(tmp_path, workflows):
        output = call_bridge(project, "collect", run, code=1)
        assert "aside: `eval" in output
        assert "no result of count" in output
        if command == "retry":
            assert "2 of 3 tasks" in call_bridge(project, "retry", run)
    commands = [c for c in worker_commands(workflows[-1]) if c[0] != "g0"]
    assert [name for name, _, _ in commands] == ["g1", "g2"]
    work(call_bridge, monkeypatch, tmp_path, commands)
    output = call_bridge(project, "collect", run)
    assert "3 ran" in output
    assert ALL_GOOD in output
    assert_same(by_dvc, project)


def test_retry_keeps_what_the_workflow_says_of_its_pods(
    project: Path, tmp_path: Path, call_bridge: CallBridge
) -> None:
    copy_data("in_flight", tmp_path)
    submitted = workflow_in(tmp_path, "Failed")
    workflows = [submitted]
    with serving(tmp_path, workflows):
        call_bridge(project, "retry", run_in(tmp_path))
    again = workflows[-1]
    assert again["metadata"]["labels"] == submitted["metadata"]["labels"]
    assert again["metadata"]["name"] == f"{submitted['metadata']['name']}-r1"
    assert again["spec"]["templates"][1:] == submitted["spec"]["templates"][1:]
    others = again["spec"].keys() - {"templates"}
    assert {key: again["spec"][key] for key in others} == {
        key: submitted["spec"][key] for key in submitted["spec"].keys() - {"templates"}
    }


def test_status_and_logs_read_the_workflow_of_a_run_in_flight(
    project: Path, tmp_path: Path, call_bridge: CallBridge
) -> None:
    copy_data("in_flight", tmp_path)
    run, workflow = run_in(tmp_path), workflow_in(tmp_path, "Running")
    logs = {f"{run}-p1-5": "2026-11-24T16:40:11Z count | so far\n"}
    with serving(tmp_path, [workflow], logs=logs):
        status = json.loads(call_bridge(project, "status", run, "--json"))
        table = call_bridge(project, "status", run)
        log = call_bridge(project, "logs", run, "count")
    groups = [(g["phase"], g["stages"], g["attempts"], g["exit_code"]) for g in status["groups"]]
    assert groups == [
        ("Succeeded", ["folder"], 1, 0),
        ("Running", ["count"], 2, None),
        ("Failed", ["aside"], 1, 1),
    ]
    assert (status["run"], status["phase"]) == (run, "Running")
    assert "g2     Failed" in table
    assert log == "count | so far\n"


def test_the_pods_of_a_manifest_of_convert_work_and_collect_ends_where_dvc_repro_does(
    project: Path,
    by_dvc: Path,
    tmp_path: Path,
    call_bridge: CallBridge,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "manifest"
    folder.mkdir()
    shutil.copy(DATA / "workflow_template.yaml", folder)
    replace_text(folder, FOLDER, str(tmp_path))
    replace_text(folder, REPOSITORY_URL, f"file://{project}")
    with closing(Repo(str(project))) as repo:
        repo.push()
    manifest = yaml.safe_load((folder / "workflow_template.yaml").read_text())
    commands = [(n, r, {**v, RUN: "template-1"}) for n, r, v in worker_commands(manifest)]
    work(call_bridge, monkeypatch, tmp_path, commands)
    assert ALL_GOOD in call_bridge(project, "collect", "template-1")
    assert_same(by_dvc, project)


def test_gc_removes_a_finished_run_and_keeps_one_in_flight(
    project: Path, tmp_path: Path, call_bridge: CallBridge
) -> None:
    copy_data("in_flight", tmp_path)
    run = run_in(tmp_path)
    with serving(tmp_path, [workflow_in(tmp_path, "Running")]):
        assert f"run {run} is kept: it goes on" in call_bridge(project, "gc", run, code=2)
    copy_data("finished", tmp_path)
    with serving(tmp_path, []):
        assert f"removed run {run}" in call_bridge(project, "gc", run)


def test_settings_have_the_same_values(project: Path, call_bridge: CallBridge) -> None:
    old = json.loads((DATA / "settings.json").read_text())
    settings = parse_settings(yaml.safe_load((DATA / "dvc-bridge.yaml").read_text()))
    argo = plain(settings.argo)
    assert {key: argo[key] for key in old["argo"]} == old["argo"]
    for name, pod in old["pods"].items():
        values = plain(settings.pod(name))
        assert {key: values[key] for key in pod} == pod
    assert json.loads(json.dumps(settings.mutexes)) == old["mutexes"]
    assert settings.engine == "argo"
    assert (project / "dvc-bridge.yaml").read_text() == (DATA / "dvc-bridge.yaml").read_text()
    assert "dvc-bridge.yaml" not in call_bridge(project, "plan")


def plain(settings: Any) -> dict[str, Any]:
    """Return settings as the older version printed them."""
    text = json.dumps(dataclasses.asdict(settings), default=lambda fuse: fuse.value)
    values: dict[str, Any] = json.loads(text)
    return values


def test_durations_are_known_from_the_project_and_from_the_remote(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_data("finished", tmp_path)
    monkeypatch.chdir(project)
    durations = json.loads((DATA / "durations.json").read_text())
    assert set(durations) == {"folder", "count", "aside"}
    found = find_project()
    with closing(Repo(str(project))) as repo:
        assert known_seconds(History(found), Remote(repo), durations) == durations
    found.scratch.mkdir(exist_ok=True)
    shutil.copy(DATA / "durations.json", found.scratch)
    assert History(found).seconds == durations


def test_a_run_after_a_killed_one_ends_where_dvc_repro_does(
    by_dvc: Path, tmp_path: Path, call_bridge: CallBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEFORE", "")
    root, other = tmp_path / "bridge" / "project", tmp_path / "dvc" / "project"
    for project in (root, other):
        project.parent.mkdir()
        copy_data("killed_run.tar.gz", project.parent)
    assert (root / ".gitignore").read_text() == "/base\n/d\n/count\n"
    call_bridge(root, "repro")
    assert not (root / ".dvc/tmp/dvc-bridge/unfinished.jsonl").exists()
    # Only the log of the killed run has the order of the lines that it wrote.
    assert (root / ".gitignore").read_text() == (by_dvc / ".gitignore").read_text()
    dvc_repro(other)
    shutil.copy(by_dvc / ".gitignore", other)
    assert_same(other, root)


def test_sync_of_a_flow_run_ends_where_dvc_repro_does(
    project: Path, by_dvc: Path, tmp_path: Path
) -> None:
    pathspec = copy_flow_run("Decorated", tmp_path)
    output = bridge(project, "sync", pathspec, METAFLOW_USER="tester")
    assert f"3 stages of {pathspec}: " in output
    shutil.rmtree(project / ".metaflow")
    assert_same(by_dvc, project)


def test_sync_reads_the_results_of_an_unfinished_generated_flow_from_the_remote(
    project: Path, by_dvc: Path, tmp_path: Path
) -> None:
    pathspec = copy_flow_run("Generated", tmp_path)
    shutil.rmtree(project / ".metaflow" / pathspec / "end")
    output = bridge(project, "sync", pathspec, "--partial", METAFLOW_USER="tester")
    assert f"3 stages of {pathspec}: " in output
    shutil.rmtree(project / ".metaflow")
    assert_same(by_dvc, project)


def copy_flow_run(flow: str, folder: Path) -> str:
    """Copy the data of a run of a flow; return the pathspec of the run."""
    copy_data(f"{flow.lower()}_flow.tar.gz", folder)
    return f"{flow}/{(folder / flow.lower()).read_text()}"


def test_the_report_of_a_flow_run_shows_its_metrics_and_outs(project: Path, tmp_path: Path) -> None:
    pathspec = copy_flow_run("Decorated", tmp_path)
    page = bridge(project, "report", "--run", pathspec, METAFLOW_USER="tester")
    assert "0.5000" in page
    for out in ("base", "d", "count", "auc.json", "aside"):
        assert f">{out}</bdi></th>" in page


def test_a_generated_flow_ends_where_dvc_repro_does_and_can_be_generated_again(
    project: Path, by_dvc: Path, call_bridge: CallBridge
) -> None:
    settings = project / "dvc-bridge.yaml"
    settings.unlink()  # a generated flow refuses stages with own images
    file = project / "generated.py"
    shutil.copy(DATA / "generated_flow.txt", file)
    subprocess.run([sys.executable, "-c", PLAY_GENERATED_FLOW], cwd=project, check=True)
    assert ALL_GOOD in call_bridge(project, "collect", "Generated-1")
    call_bridge(project, "flow", "--name", "Generated", "-o", "generated.py")
    file.unlink()
    shutil.copy(DATA / "dvc-bridge.yaml", settings)
    assert_same(by_dvc, project)
