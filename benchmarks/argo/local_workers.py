"""Workers as local processes: what a pod does, without a cluster."""

from __future__ import annotations

import json
import secrets
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from benchmarks.argo.projects import BRIDGE, CommandResult, run_command
from dvc_bridge.cli.parser import parser
from dvc_bridge.app.remote_run import Remotely, prepared


class PlannedRun(NamedTuple):
    """A run with one stage per pod; its code and plan are in the remote, but it has no Workflow.

    Parameters
    ----------
    task_refs
        The worker's argument for each stage, by address.
    env
        The worker's environment variables.
    """

    task_refs: dict[str, str]
    env: dict[str, str]


def plan_run(root: Path) -> PlannedRun:
    """Do what `submit --fuse none` does before it creates a Workflow."""
    with chdir(root), Remotely(parser().parse_args(["submit"])) as remotely:
        settled = prepared(remotely)
        groups = [(forecast.position,) for forecast in settled.waiting]
        name = f"{root.name}-{secrets.token_hex(2)}"
        submission = remotely.submit(settled, groups, [1] * len(groups), name)
    addresses = [forecast.stage.address for forecast in settled.waiting]
    env = {
        "DVC_BRIDGE_RUN": name,
        "DVC_BRIDGE_STORE": json.dumps(remotely.store_settings()),
        "DVC_BRIDGE_CODE": submission.code,
    }
    return PlannedRun(dict(zip(addresses, submission.words, strict=True)), env)


def run_worker(root: Path, run: PlannedRun, address: str) -> CommandResult:
    """Run the worker of one stage in an empty folder, as its pod does."""
    folder = root.parent / f"pod-{secrets.token_hex(4)}"
    folder.mkdir()
    env = {**run.env, "TMPDIR": str(folder / "tmp")}
    return run_command([*BRIDGE, "worker", run.task_refs[address]], folder, env)
