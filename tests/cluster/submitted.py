"""`dvc-bridge submit --wait` on a real cluster in the words of `repro`, for the equality lab.

`main(["repro", ...])` gives each copy of a project a remote of its own: a folder of the bucket
LAB_BUCKET. What a command notes with `ran` in a pod is brought from there to the file RAN.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dvc_bridge.verify.against_dvc import without_jobs

NAME = "submitted"
DEADLINE_S = 900  # every layer of pods takes some ten seconds
NOTES = "executed"
# `ran a` in a pod: one object a call, as files of other pods are out of reach.
RAN = f"""\
#!/usr/bin/env python3
import json, os, sys, uuid
import botocore.session
sections = json.loads(os.environ["DVC_BRIDGE_STORE"]).values()
remote = next(options for options in sections if "url" in options)
bucket, _, folder = remote["url"].removeprefix("s3://").partition("/")
client = botocore.session.get_session().create_client("s3", endpoint_url=remote["endpointurl"])
name = f"{{folder}}/{NOTES}/{{uuid.uuid4().hex}}"
client.put_object(Bucket=bucket, Key=name, Body=sys.argv[1].encode())
"""


def main(argv: Sequence[str]) -> int:
    """Play `repro` on the cluster."""
    signal.alarm(DEADLINE_S)
    folder = _remote()
    fuse = os.environ.get("EQUALITY_FUSE", "auto")
    words = [word for word in without_jobs(argv[1:]) if word != "--plain"]
    command = [sys.executable, "-m", "dvc_bridge", "submit", "--wait", "--fuse", fuse]
    done = subprocess.run([*command, *words], stderr=subprocess.STDOUT, check=False)
    _bring_notes(folder)
    return done.returncode


def _remote() -> str:
    """Make this copy's remote the default one, by a configuration that no side compares."""
    ups = [Path.cwd(), *Path.cwd().parents]
    config = next(up for up in ups if (up / ".dvc").is_dir()) / ".dvc" / "tmp" / "lab"
    if not config.exists():
        config.mkdir(parents=True)
        folder = f"{os.environ['LAB_BUCKET']}/{secrets.token_hex(4)}"
        (config / "config").write_text(
            f"[core]\nremote = shared\n['remote \"shared\"']\nurl = s3://{folder}\n"
            f"endpointurl = {os.environ['CLUSTER_S3_ENDPOINT']}\nregion = us-east-1\n"
        )
        (config / "folder").write_text(folder)
    os.environ["DVC_GLOBAL_CONFIG_DIR"] = str(config)
    return (config / "folder").read_text()


def _bring_notes(folder: str) -> None:
    bucket, _, root = folder.partition("/")
    client = bucket_client()
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"{root}/{NOTES}/").get("Contents", [])
    with Path(os.environ["RAN"]).open("a") as notes:
        for item in found:
            note = {"Bucket": bucket, "Key": item["Key"]}
            notes.write(f"{client.get_object(**note)['Body'].read().decode()}\n")
            client.delete_object(**note)


def bucket_client() -> Any:
    """Open the S3 server of the cluster."""
    import botocore.session

    endpoint = os.environ["CLUSTER_S3_ENDPOINT"]
    return botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
