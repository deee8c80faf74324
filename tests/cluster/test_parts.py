"""Runs with more pods than one Workflow should hold: Workflows that start each other.

Needs what test_submit.py needs. The limit is set to a few pods, so that a few stages are three
Workflows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.cluster.client import assert_as_dvc, differences_to_dvc, dvc
from tests.cluster.conftest import kubectl
from tests.cluster.projects import make
from tests.cluster.test_submit import NEEDED
from tests.support.commands import bridge

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
MOST = 4
LIMITED = f"""\
import sys
from dvc_bridge.engines.argo import engine, workflow_split
workflow_split.MOST_PODS = engine.MOST_PODS = {MOST}
from dvc_bridge.cli import main
sys.exit(main(sys.argv[1:]))
"""
# Ten pods in layers of four, four and two: three parts of MOST pods at most.
WIDE = """\
stages:
  a: {foreach: [1, 2, 3, 4], do: {cmd: "./work 1 a-${item} raw", deps: [raw, work], outs: ["a-${item}"]}}
  b: {foreach: [1, 2, 3, 4], do: {cmd: "./work 1 b-${item} a-${item}", deps: [work, "a-${item}"], outs: ["b-${item}"]}}
  c: {cmd: ./work 1 c b-1 b-2, deps: [work, b-1, b-2], outs: [c]}
  d: {cmd: ./work 1 d b-3 b-4, deps: [work, b-3, b-4], outs: [d]}
"""  # noqa: E501


@pytest.fixture
def wide(tmp_path: Path, bucket: str) -> Path:
    return make(tmp_path / "ours", bucket, WIDE)


def limited(root: Path, *words: str, code: int = 0) -> str:
    """Run a command of dvc-bridge with a limit of MOST pods per Workflow; return its output."""
    command = [sys.executable, "-c", LIMITED, *words]
    done = subprocess.run(command, cwd=root, text=True, capture_output=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def begun(root: Path) -> str:
    printed = limited(root, "submit", "--fuse", "none")
    assert "10 stages in 10 tasks" in printed
    run = re.search(r"^run (\S+):", printed, re.MULTILINE)
    assert run
    return run[1]


def workflow(name: str, field: str) -> str:
    return kubectl("get", "workflow", name, "--ignore-not-found", "-o", f"jsonpath={{{field}}}")


def until(name: str, *phases: str, seconds: int = 900) -> str:
    """Wait until a Workflow exists and is in one of the phases."""
    end = time.monotonic() + seconds
    while (phase := workflow(name, ".status.phase")) not in phases:
        assert time.monotonic() < end, f"{name}: {phase or 'not there'}"
        time.sleep(0.5)
    return phase


def test_parts_follow_each_other_with_no_client_and_another_clone_collects(
    wide: Path, tmp_path: Path
) -> None:
    run = begun(wide)
    until(f"{run}-3", "Succeeded")
    assert {workflow(name, ".status.phase") for name in (run, f"{run}-2")} == {"Succeeded"}
    status = bridge(wide, "status", run)
    assert status.count("Succeeded") == 11  # ten groups and the run
    assert "g9" in status
    shutil.copytree(wide, tmp_path / "clone" / "ours", symlinks=True)
    shutil.copytree(wide.with_name("dvc"), tmp_path / "clone" / "dvc", symlinks=True)
    assert "10 ran" in bridge(tmp_path / "clone" / "ours", "collect", run)
    assert_as_dvc(tmp_path / "clone" / "ours")
    assert run in kubectl("get", "workflowtemplates", "-o", "name")
    kubectl("delete", "workflow", run)  # as Argo removes old Workflows, the first part first
    assert "Succeeded" in bridge(wide, "status", run).splitlines()[0]
    assert f"removed run {run}" in bridge(wide, "gc", run)
    assert run not in kubectl("get", "workflowtemplates", "-o", "name")


def test_a_pod_of_a_later_part_that_is_deleted_is_made_again(wide: Path) -> None:
    run = begun(wide)
    until(f"{run}-2", "Running")
    selector = f"workflows.argoproj.io/workflow={run}-2"
    found: list[str] = []
    while not found:
        found = kubectl("get", "pods", "-l", selector, "-o", "name").split()
    kubectl("delete", "--grace-period=1", found[0])
    until(f"{run}-3", "Succeeded")
    bridge(wide, "collect", run)
    assert_as_dvc(wide)


def test_a_run_that_is_stopped_in_its_second_part_begins_no_third_and_goes_on_with_retry(
    wide: Path,
) -> None:
    run = begun(wide)
    until(f"{run}-2", "Running")
    assert f"run {run} has not ended" in bridge(wide, "retry", run, code=2)
    assert f"{run} is stopping" in bridge(wide, "stop", run)
    until(f"{run}-2", "Failed")
    # The second part may have created the third meanwhile, which then fails without its template.
    selector = f"workflows.argoproj.io/workflow={run}-3"
    assert not kubectl("get", "pods", "-l", selector, "-o", "name")
    assert run not in kubectl("get", "workflowtemplates", "-o", "name")
    assert "Never begun" in bridge(wide, "status", run)
    printed = limited(wide, "retry", run, "--wait")
    assert f"tasks, as {run}-r1" in printed
    assert_as_dvc(wide)


def test_what_needs_nothing_of_a_failed_stage_goes_on_in_later_parts_and_the_rest_does_not_run(
    wide: Path,
) -> None:
    files = [side / "dvc.yaml" for side in (wide, wide.with_name("dvc"))]
    good = files[0].read_text()
    command = "./work 1 a-${item} raw"
    for file in files:
        file.write_text(good.replace(command, f"test ${{item}} != 1 && {command}"))
    repro_with_dvc = [sys.executable, "-m", "dvc", "repro", "--quiet", "--keep-going"]
    assert subprocess.run(
        repro_with_dvc, cwd=wide.with_name("dvc")
    ).returncode  # a@1 fails there too
    printed = limited(wide, "submit", "--wait", "--fuse", "none", code=1)
    assert "a@1: " in printed
    assert "a@1 failed, and these stages read their outs" in printed
    lock = yaml.safe_load((wide / "dvc.lock").read_text())["stages"]
    assert set(lock) == {"a@2", "a@3", "a@4", "b@2", "b@3", "b@4", "d"}
    for file in files:
        file.write_text(good)
    limited(wide, "submit", "--wait", "--fuse", "none")
    found = differences_to_dvc(wide)
    # If a stage fails, DVC removes the lines of those that succeeded, and does not write them
    # again: tests/equality/test_intended.py.
    assert [(d.where, d.path) for d in found] == [("gitignore", ".gitignore")]
    ignored = (wide / ".gitignore").read_text().split()
    assert {f"/{at}-{n}" for at in "ab" for n in (1, 2, 3, 4)} | {"/c", "/d"} <= set(ignored)
    assert len(set(ignored)) == len(ignored)
    assert "up to date" in dvc(wide, "status")


def test_a_manifest_of_convert_with_several_parts_is_one_run(wide: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "add", "."], cwd=wide, check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, "commit", "--quiet", "-m", "x"], cwd=wide, check=True)
    url = "https://git.example/team/project.git"
    text = limited(wide, "convert", "--fuse", "none", "--repo", url, "--kind", "WorkflowTemplate")
    made = tmp_path / "made.yaml"
    made.write_text(text)
    lint = ["argo", "lint", "--offline", "--no-color", str(made)]
    done = subprocess.run(lint, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(yaml.safe_load_all(text))) == 3
    assert text == limited(
        wide, "convert", "--fuse", "none", "--repo", url, "--kind", "WorkflowTemplate"
    )
