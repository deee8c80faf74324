"""Start and read flows of this repository and generated flows on a real cluster."""

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

import yaml

from dvc_bridge.metaflow.profile import write_profile
from tests.cluster.client import dvc
from tests.cluster.conftest import kubectl
from tests.conftest import REPOSITORY

PATIENCE_S = 1500
PROFILE = "cluster"
ON_PODS = ("run", "--with", "kubernetes", "--max-workers", "3")
# Prints a run as JSON, as the client sees it; `find_run` copies the metadata of an Argo run here.
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


def clone(bucket: str, folder: Path) -> Path:
    """Clone this repository, with a DVC remote that pods reach and Metaflow's profile for them."""
    root = folder / "project"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, root], check=True)
    furnish(root, bucket)
    return root


def furnish(root: Path, bucket: str) -> None:
    """Configure a DVC remote that pods reach, and write Metaflow's profile for them."""
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
    found = re.search(r"run-id \*?([\w-]+(?:[.][\w-]+)*)", printed)
    assert found, printed
    return found[1]


def read(root: Path, run: str) -> Any:
    printed = ended(start(root, "-c", READ, f"TrainFlow/{run}"))
    return json.loads(printed.splitlines()[-1])


def locked(root: Path) -> dict[str, str]:
    """Return the md5 of every out of the pipeline, as `dvc repro` has written them."""
    stages = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    return {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}


def phase(workflow: str) -> str:
    return kubectl("get", "workflow", workflow, "-o", "jsonpath={.status.phase}")


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(1)
