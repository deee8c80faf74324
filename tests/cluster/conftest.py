"""Fixtures of the cluster tests: a bucket, and a Secret with which pods access it."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.cluster.moments import bucket_client

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")
# The folder for tools of a test, in the root of its project. The path of a pod's folder varies, so
# commands find the tools by relative paths.
TOOLS = ".tools"
_UPS = ("", "../", "../../", "../../../")


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket and a Secret of the same name; the cleanup also deletes the runs in the bucket."""
    name = f"t-{secrets.token_hex(4)}"
    client = bucket_client()
    client.create_bucket(Bucket=name)
    given = {key: os.environ[key] for key in KEYS}
    given["PATH"] = ":".join([*(f"{up}{TOOLS}" for up in _UPS), _path()])
    literals = [f"--from-literal={key}={value}" for key, value in given.items()]
    kubectl("create", "secret", "generic", name, *literals)
    yield name
    keys = all_keys(name)
    runs = {PurePosixPath(key).parent.name for key in keys if key.endswith("/plan.json")}
    if runs:
        kubectl("delete", "workflow", "--ignore-not-found", "--wait=false", *runs)
    kubectl("delete", "secret", name)
    for key in keys:
        client.delete_object(Bucket=name, Key=key)
    client.delete_bucket(Bucket=name)


def all_keys(bucket: str) -> list[str]:
    """Return the keys of all objects in a bucket."""
    pages = bucket_client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", ())]


def kubectl(*words: str) -> str:
    """Run kubectl, check that it succeeds, and return its output."""
    done = subprocess.run(["kubectl", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def settings(bucket: str, pods: int = 2) -> str:
    """Return the text of dvc-bridge.yaml; it allows few pods at a time, for a small node."""
    return (
        f"argo: {{image: '{os.environ['BRIDGE_IMAGE']}', image_pull_policy: Never,"
        f" parallelism: {pods}, secrets: [{bucket}]}}\n"
    )


def _path() -> str:
    """Ask the image for its PATH."""
    name = f"path-{secrets.token_hex(4)}"
    image = [f"--image={os.environ['BRIDGE_IMAGE']}", "--image-pull-policy=Never"]
    kubectl("run", name, *image, "--restart=Never", "--command", "--", "printenv", "PATH")
    try:
        kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s", f"pod/{name}")
        return kubectl("logs", name).strip()
    finally:
        kubectl("delete", "pod", name, "--wait=false")
