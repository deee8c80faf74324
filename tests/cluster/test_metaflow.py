"""`flows/train.py`, as it is committed, on a real cluster: by Metaflow's own jobs, and by Argo.

Needs what test_submit.py needs; BRIDGE_IMAGE is made from this project's Dockerfile. Some ten
minutes: the whole pipeline runs twice.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dvc_bridge.metaflow.profile import write_profile
from tests.cluster.conftest import kubectl
from tests.cluster.test_submit import NEEDED
from tests.conftest import REPOSITORY
from tests.dvc_bridge.commands import dvc

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]
PATIENCE_S = 1500
PROFILE = "cluster"
ON_PODS = ("run", "--with", "kubernetes", "--max-workers", "3")
# What the client sees of a run, as JSON; the first line brings an Argo run's metadata here.
READ = """
import json, sys
from metaflow.cards import get_cards
from dvc_bridge.metaflow.client import find_run
run = find_run(sys.argv[1])
end = run["end"].task
print(json.dumps({
    "successful": run.successful,
    "outs": {path: out["md5"] for path, out in end.data.dvc["outs"].items()},
    "computed": end.data.dvc["computed"],
    "restored": end.data.dvc["restored"],
    "metrics": end.data.metrics,
    "log": end.stdout,
    "cards": [card.get() for card in get_cards(end)],
    "attempts": [max(int(m.value) for m in task.metadata if m.name == "attempt")
                 for task in run["fit"]],
}))
"""


@pytest.fixture(scope="module")
def root(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository, with a DVC remote that pods reach."""
    root = tmp_path_factory.mktemp("clone") / "project"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, root], check=True)
    remote = {"endpointurl": os.environ["CLUSTER_S3_ENDPOINT"], "region": "us-east-1"}
    dvc(root, "remote", "add", "--local", "-d", "store", f"s3://{bucket}/dvc")
    for key, value in remote.items():
        dvc(root, "remote", "modify", "--local", "store", key, value)
    values = {
        "bucket": bucket,
        "endpoint": os.environ["CLUSTER_S3_ENDPOINT"],
        "image": os.environ["BRIDGE_IMAGE"],
        "namespace": os.environ.get("CLUSTER_NAMESPACE", "default"),
        "pull-policy": "Never",
        "secret": bucket,
        "service-account": "dvc-bridge",  # docs/argo-rbac.yaml
    }
    write_profile(PROFILE, values, root.parent / "home")
    return root


def start(root: Path, *words: str, **changed: str) -> subprocess.Popen[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("METAFLOW_")}
    env |= {"METAFLOW_PROFILE": PROFILE, "METAFLOW_HOME": str(root.parent / "home")}
    env |= {"METAFLOW_USER": "tester", **changed}
    command = [sys.executable, *words]
    return subprocess.Popen(
        command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def flow(root: Path, *words: str, code: int = 0, **changed: str) -> str:
    return ended(start(root, "flows/train.py", "--no-pylint", *words, **changed), code)


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, printed
    return printed


def run_id(printed: str) -> str:
    found = re.search(r"run-id \*?([\w-]+)", printed)
    assert found, printed
    return found[1]


def read(root: Path, run: str) -> Any:
    printed = ended(start(root, "-c", READ, f"TrainFlow/{run}"))
    return json.loads(printed.splitlines()[-1])


def locked(root: Path) -> dict[str, str]:
    """Give the md5 of every out of the pipeline, as `dvc repro` has written them."""
    stages = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def test_each_step_in_a_pod_makes_what_dvc_repro_makes_and_a_second_run_computes_nothing(
    root: Path,
):
    found = read(root, run_id(flow(root, *ON_PODS, "--force")))
    assert found["outs"] == locked(root)
    assert len(found["computed"]) == 14
    assert found["metrics"] == json.loads((root / "models/evaluation/metrics.json").read_text())
    assert "14 stages ran, 0 were known to DVC" in found["log"]

    again = read(root, run_id(flow(root, *ON_PODS)))
    assert again["outs"] == found["outs"]
    assert again["computed"] == []

    # The laptop takes what the pods have made, and runs nothing either.
    dvc(root, "fetch", "--run-cache")
    here = flow(root, "--datastore", "local", "run")
    assert here.count(": unchanged, its result is in DVC's cache") == 14, here


def test_argo_makes_the_same_with_a_pod_deleted_mid_step_and_the_client_reads_it(root: Path):
    deployed = flow(root, "argo-workflows", "create", "--no-auto-emit-argo-events")
    assert "deployed to Argo Workflows successfully" in deployed
    run = run_id(flow(root, "argo-workflows", "trigger", "--force"))
    workflow = run.removeprefix("argo-")
    kubectl("delete", "pod", "--force", "--grace-period=0", fitting(workflow))
    until(lambda: phase(workflow) not in ("", "Pending", "Running"))
    assert phase(workflow) == "Succeeded"
    found = read(root, run)
    assert found["successful"]
    assert found["outs"] == locked(root)
    assert len(found["computed"]) == 14
    assert any(found["metrics"]["selected"] in card for card in found["cards"])
    kubectl("delete", "workflowtemplate", "trainflow")
    kubectl("delete", "workflow", workflow)


def fitting(workflow: str) -> str:
    """Wait for a pod that fits a candidate, and give its name."""
    named = ["get", "pods", "-l", f"workflows.argoproj.io/workflow={workflow}", "-o", "json"]
    running: list[str] = []

    def found() -> bool:
        items = json.loads(kubectl(*named))["items"]
        running[:] = [
            item["metadata"]["name"]
            for item in items
            if "-fit-" in item["metadata"]["name"] and item["status"]["phase"] == "Running"
        ]
        return bool(running)

    until(found)
    time.sleep(3)  # into the step
    return running[0]


def phase(workflow: str) -> str:
    return kubectl("get", "workflow", workflow, "-o", "jsonpath={.status.phase}")


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(1)


def test_a_stage_that_refuses_fails_the_run_with_its_words(root: Path):
    params = root.parent / "strict.yaml"
    params.write_text((root / "params.yaml").read_text().replace("max_auc: 0.85", "max_auc: 0.5"))
    printed = flow(root, "--config", "settings", str(params), *ON_PODS, code=1)
    assert "evaluate" in printed
    assert "max_auc" in printed


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("METAFLOW_DATASTORE_SYSROOT_S3", "s3://no-such-bucket-here/x", "there is no such bucket"),
        ("METAFLOW_S3_ENDPOINT_URL", "http://10.88.0.1:9", "does not answer"),
        ("KUBECONFIG", "/nowhere", "no cluster is configured here"),
    ],
)
def test_what_is_not_there_is_told_within_half_a_minute(
    root: Path, name: str, value: str, said: str
):
    for words in (ON_PODS, ("argo-workflows", "create")):
        begun = time.monotonic()
        printed = flow(root, *words, code=1, **{name: value})
        assert time.monotonic() - begun < 30
        assert said in printed
        assert "fix: " in printed
        assert "Traceback" not in printed
