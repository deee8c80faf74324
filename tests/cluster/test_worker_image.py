"""Stages in images that have no dvc-bridge, and no Python that could run it.

Needs what test_submit.py needs, BRIDGE_WORKER_IMAGE (the target `worker` of the Dockerfile) and
BRIDGE_OTHER_IMAGES: images with nothing but a shell, or with another Python, separated by spaces.
"""

from __future__ import annotations

import os
import secrets

import pytest

from tests.cluster.client import dvc
from tests.cluster.conftest import settings
from tests.support.commands import bridge
from tests.support.projects import MakeProject

NEEDED = (
    "KUBECONFIG",
    "CLUSTER_S3_ENDPOINT",
    "BRIDGE_IMAGE",
    "BRIDGE_WORKER_IMAGE",
    "BRIDGE_OTHER_IMAGES",
)
IMAGES = os.environ.get("BRIDGE_OTHER_IMAGES", "").split()
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not all(map(os.environ.get, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]

STAGES = {
    "folder": {
        "cmd": "mkdir made; cp raw made/a; echo b > made/b",
        "deps": ["raw"],
        "outs": ["made"],
    },
    "python": {
        "cmd": "python3 --version > version 2>&1 || echo none > version",
        "outs": ["version"],
    },
    "joined": {"cmd": "cat made/a made/b > joined", "deps": ["made"], "outs": ["joined"]},
}


@pytest.mark.parametrize("image", IMAGES)
def test_stages_run_in_an_image_without_dvc_bridge_and_end_where_dvc_repro_ends(
    make_project: MakeProject, bucket: str, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    root = make_project(STAGES, {"raw": "raw\n"})
    dvc(root, "remote", "add", "-d", "store", f"s3://{bucket}/{secrets.token_hex(4)}")
    dvc(root, "remote", "modify", "store", "endpointurl", os.environ["CLUSTER_S3_ENDPOINT"])
    dvc(root, "remote", "modify", "store", "region", "us-east-1")
    text = settings(bucket) + f"image: {image}\n"
    worker = f"argo: {{worker_image: '{os.environ['BRIDGE_WORKER_IMAGE']}',"
    (root / "dvc-bridge.yaml").write_text(
        text.replace("argo: {", worker).replace(f"image: '{os.environ['BRIDGE_IMAGE']}', ", "")
    )
    bridge(root, "submit", "--wait")
    assert (root / "joined").read_text() == "raw\nb\n"
    version = (root / "version").read_text()
    assert version == "none\n" or not version.startswith("Python 3.11.")
    assert "3 unchanged" in bridge(root, "repro")
