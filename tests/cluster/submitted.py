"""Run `dvc-bridge submit --wait` on a real cluster with the arguments of `repro`, for the lab.

`main(["repro", ...])` gives each copy of a project a remote of its own: a folder of the bucket
LAB_BUCKET. What commands in pods do with the lab's tools is in moments.py.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dvc_bridge.verify.against_dvc import without_jobs
from tests.cluster.moments import Folder, answered

NAME = "submitted"
DEADLINE_S = 900  # every layer of pods takes some ten seconds
# Pods always keep going with stages that do not depend on a failed one.
_OTHERS = ("--plain", "-k", "--keep-going")


def main(argv: Sequence[str]) -> int:
    """Play `repro` on the cluster."""
    signal.alarm(DEADLINE_S)
    folder = Folder(_remote())
    fuse = os.environ.get("EQUALITY_FUSE", "auto")
    words = [word for word in without_jobs(argv[1:]) if word not in _OTHERS]
    command = [sys.executable, "-m", "dvc_bridge", "submit", "--wait", "--fuse", fuse]
    with answered(folder):
        done = subprocess.run([*command, *words], stderr=subprocess.STDOUT, check=False)
    return done.returncode


def _remote() -> str:
    """Make this copy's remote the default, in a configuration file that is not compared."""
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
