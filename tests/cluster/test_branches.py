"""Deployments of two branches at the same time, by `@project`, with a schedule: docs/metaflow.md.

Needs what test_submit.py needs; BRIDGE_IMAGE is made from this project's Dockerfile.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import dvc
from tests.cluster.conftest import kubectl
from tests.cluster.flows import PROFILE, ended, furnish, phase, run_id, start, until
from tests.cluster.test_submit import NEEDED
from tests.support.commands import bridge

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
STAGES = """\
stages:
  double:
    cmd: python double.py
    deps: [double.py, number]
    params: [times]
    outs: [doubled]
"""
DOUBLE = """\
import re
from pathlib import Path

def double(folder):
    times = int(re.search(r"times: (\\d+)", (folder / "params.yaml").read_text())[1])
    number = int((folder / "number").read_text())
    (folder / "doubled").write_text(f"{number * times}\\n")

if __name__ == "__main__":
    double(Path())
"""
FLOW = """\
from pathlib import Path

from metaflow import FlowSpec, project, schedule, step

from double import double
from dvc_bridge.metaflow import begin_run, dvc_project, dvc_stage, workspace

ROOT = Path(__file__).resolve().parent

@schedule(cron="0 4 * * *", timezone="America/New_York")
@project(name="numbers")
@dvc_project(root=ROOT)
class NumberFlow(FlowSpec):
    @step
    def start(self):
        self.dvc = begin_run(ROOT)
        self.next(self.double)

    @dvc_stage(stage="double")
    @step
    def double(self):
        double(workspace())
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    NumberFlow()
"""


KINDS = ("cronworkflow", "workflowtemplate", "workflow")


def deployed(kind: str) -> dict[str, Any]:
    """Return the specs of this project's objects in the cluster, by name."""
    items = json.loads(kubectl("get", kind, "-o", "json"))["items"]
    found = {item["metadata"]["name"]: item["spec"] for item in items}
    return {name: spec for name, spec in found.items() if name.startswith("numbers.")}


def stopped(workflow: str) -> bool:
    return phase(workflow) not in ("", "Pending", "Running")


@pytest.fixture
def root(bucket: str, tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "project"
    root.mkdir()
    texts = {"dvc.yaml": STAGES, "double.py": DOUBLE, "flow.py": FLOW, "number": "21\n"}
    for name, text in {**texts, "params.yaml": "times: 1\n", ".gitignore": ".metaflow\n"}.items():
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    dvc(root, "init", "--quiet")
    furnish(root, bucket)
    yield root
    for kind in KINDS:
        if names := deployed(kind):
            kubectl("delete", kind, *names)


def test_two_branches_run_at_once_and_each_brings_its_own_results(root: Path) -> None:
    triggered = {}
    for times in (2, 3):
        (root / "params.yaml").write_text(f"times: {times}\n")
        branch = ["flow.py", "--no-pylint", "--branch", f"by{times}", "argo-workflows"]
        ended(start(root, *branch, "create", "--no-auto-emit-argo-events"))
        triggered[times] = run_id(ended(start(root, *branch, "trigger")))
    assert len(deployed("workflowtemplate")) == 2
    # Argo accepts only a list, and reports other values only in its log.
    schedules = [(s["schedules"], s["timezone"]) for s in deployed("cronworkflow").values()]
    assert schedules == [(["0 4 * * *"], "America/New_York")] * 2
    for times, run in triggered.items():
        workflow = run.removeprefix("argo-")
        until(partial(stopped, workflow))
        assert phase(workflow) == "Succeeded"
        (root / "params.yaml").write_text(f"times: {times}\n")
        home = str(root.parent / "home")
        command = ("sync", f"NumberFlow/{run}", "--partial")
        bridge(root, *command, METAFLOW_PROFILE=PROFILE, METAFLOW_HOME=home)
        assert (root / "doubled").read_text() == f"{21 * times}\n"
        assert "up to date" in dvc(root, "status")
