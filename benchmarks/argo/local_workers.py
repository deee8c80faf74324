"""Workers as local processes: what a pod does, without a cluster."""

from __future__ import annotations

import secrets
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

from benchmarks.argo.projects import BRIDGE, CommandResult, run_command
from dvc_bridge.app.context import RunContext
from dvc_bridge.planning.targets import Selection
from dvc_bridge.remote_run.worker_contract import SnapshotCode, WorkerEnvironment


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
    with chdir(root), RunContext(Selection(), engine="argo", warn=print) as context:
        settled = context.prepare()
        groups = [(forecast.position,) for forecast in settled.waiting]
        name = f"{root.name}-{secrets.token_hex(2)}"
        submission = context.upload(settled, groups, [1] * len(groups), name)
    addresses = [forecast.stage.address for forecast in settled.waiting]
    code = SnapshotCode(submission.code)
    environment = WorkerEnvironment(name, context.store_settings(), code)
    task_refs = dict(zip(addresses, submission.references, strict=True))
    return PlannedRun(task_refs, environment.variables())


def run_worker(root: Path, run: PlannedRun, address: str) -> CommandResult:
    """Run the worker of one stage in an empty folder, as its pod does."""
    folder = root.parent / f"pod-{secrets.token_hex(4)}"
    folder.mkdir()
    env = {**run.env, "TMPDIR": str(folder / "tmp")}
    return run_command([*BRIDGE, "worker", run.task_refs[address]], folder, env)
