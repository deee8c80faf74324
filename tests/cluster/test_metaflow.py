"""`flows/train.py`, as it is committed, on a real cluster: by Metaflow's own jobs, and by Argo.

Needs what test_submit.py needs; BRIDGE_IMAGE is made from this project's Dockerfile. Some ten
minutes: the whole pipeline runs twice.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.cluster.client import dvc
from tests.cluster.conftest import kubectl
from tests.cluster.flows import ON_PODS, clone, flow, locked, phase, read, run_id, until
from tests.cluster.test_submit import NEEDED

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]


@pytest.fixture(scope="module")
def root(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(bucket, tmp_path_factory.mktemp("clone"))


def test_each_step_in_a_pod_makes_what_dvc_repro_makes_and_a_second_run_computes_nothing(
    root: Path,
) -> None:
    found = read(root, run_id(flow(root, *ON_PODS, "--force")))
    assert found["outs"] == locked(root)
    assert len(found["computed"]) == 14
    assert found["metrics"] == json.loads((root / "models/evaluation/metrics.json").read_text())
    assert "14 stages ran, 0 were restored from DVC" in found["log"]

    again = read(root, run_id(flow(root, *ON_PODS)))
    assert again["outs"] == found["outs"]
    assert again["computed"] == []

    # The laptop reuses the results of the pods. A stage with an uncached out, such as evaluate's
    # metrics, is not in the run cache, also in DVC.
    dvc(root, "fetch", "--run-cache")
    here = flow(root, "--datastore", "local", "run")
    assert here.count(": unchanged, its result is in DVC's cache") == 13, here
    assert "evaluate: running" in here


def test_argo_makes_the_same_with_a_pod_deleted_mid_step_and_the_client_reads_it(
    root: Path,
) -> None:
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
    # Metaflow puts a page of its own in the place of a card that could not be made.
    assert ["The files that the run read from DVC" in card for card in found["cards"]] == [True]
    kubectl("delete", "workflowtemplate", "trainflow")
    kubectl("delete", "workflow", workflow)


def fitting(workflow: str) -> str:
    """Wait for a running pod of the step `fit`, and return its name."""
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


def test_a_stage_that_refuses_fails_the_run_with_its_words(root: Path) -> None:
    params = root.parent / "strict.yaml"
    params.write_text((root / "params.yaml").read_text().replace("max_auc: 0.85", "max_auc: 0.5"))
    printed = flow(root, "--config", "settings", str(params), *ON_PODS, code=1)
    assert "evaluate" in printed
    assert "max_auc" in printed


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("METAFLOW_DATASTORE_SYSROOT_S3", "s3://no-such-bucket-here/x", "there is no such bucket"),
        ("METAFLOW_S3_ENDPOINT_URL", "http://10.88.0.1:9", "does not respond"),
        ("KUBECONFIG", "/nowhere", "no cluster is configured here"),
    ],
)
def test_a_missing_service_is_reported_within_half_a_minute(
    root: Path, name: str, value: str, said: str
) -> None:
    for words in (ON_PODS, ("argo-workflows", "create")):
        start = time.monotonic()
        printed = flow(root, *words, code=1, **{name: value})
        assert time.monotonic() - start < 30
        assert said in printed
        assert "fix: " in printed
        assert "Traceback" not in printed
