"""The pipeline of this repository, cold, by `dvc-bridge submit --wait` on a real cluster.

Needs what test_submit.py needs; BRIDGE_IMAGE is made from this project's Dockerfile. Some five
minutes: the whole pipeline runs once.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cluster.client import dvc
from tests.cluster.conftest import kubectl, settings
from tests.cluster.test_submit import NEEDED
from tests.conftest import REPOSITORY
from tests.support.commands import bridge

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]


@pytest.fixture
def root(bucket: str, tmp_path: Path) -> Path:
    """A clone of what is committed, with a DVC remote that pods reach."""
    root = tmp_path / "flights"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, root], check=True)
    remote = {"endpointurl": os.environ["CLUSTER_S3_ENDPOINT"], "region": "us-east-1"}
    dvc(root, "remote", "add", "--local", "-d", "store", f"s3://{bucket}/dvc")
    for key, value in remote.items():
        dvc(root, "remote", "modify", "--local", "store", key, value)
    (root / "dvc-bridge.yaml").write_text(settings(bucket))
    (root / ".git" / "info" / "exclude").write_text("dvc-bridge.yaml\n")
    return root


def test_pods_make_what_is_committed_and_a_second_submit_makes_no_workflow(root: Path) -> None:
    (root / "dvc.lock").unlink()
    assert "14 ran" in bridge(root, "submit", "--wait")
    # dvc.lock, .gitignore files and the outs in git equal those of `dvc repro` ...
    changed = ["git", "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.check_output(changed, cwd=root, text=True) == ""
    # ... and so does every other file of the workspace, by its hash.
    assert "up to date" in dvc(root, "status")
    before = runs()
    assert "no stage needs a task" in bridge(root, "submit", "--wait")
    assert runs() == before


def runs() -> list[str]:
    """Return the names of this pipeline's runs in the cluster."""
    names = kubectl("get", "workflows", "-o", "name").split()
    return [name for name in names if "/flights-" in name]
