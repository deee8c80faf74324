"""The last check of `dvc-bridge doctor` for SLURM: a short job on a node, and what it says."""

from __future__ import annotations

import json
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.dvc_version import installed
from dvc_bridge.dvcio.project import Project, config_as_dvc
from dvc_bridge.dvcio.remotes.config import store_settings
from dvc_bridge.engines.base import Finding
from dvc_bridge.engines.slurm.commands import cancel_jobs, submit_job
from dvc_bridge.engines.slurm.job_explanations import is_over
from dvc_bridge.engines.slurm.job_options import resource_options
from dvc_bridge.engines.slurm.job_script import ScriptSpec, job_script
from dvc_bridge.engines.slurm.queue import COMMENT, QueuedJob, queued_jobs
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.remote_run.worker_contract import STORE, store_text

# How long the job may wait in the queue and run.
JOB_S = 60.0
_POLL_S = 0.5


def check_node(project: Project, settings: Settings) -> Iterator[Finding]:
    """Yield what a short job says about a node."""
    scratch = project.scratch
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix="doctor-") as folder:
        try:
            job = _submit(project, settings, Path(folder))
        except BridgeError as exc:
            yield Finding("node", False, exc.message, exc.fix)
            return
        try:
            state = _wait(job)
        finally:
            with suppress(BridgeError):
                cancel_jobs([job])
        yield from _findings(state, Path(folder) / "log")


def _submit(project: Project, settings: Settings, folder: Path) -> str:
    slurm = settings.slurm
    name = f"doctor-{secrets.token_hex(2)}"
    python = slurm.python or sys.executable
    spec = ScriptSpec(name, python, slurm, {}, "dvc_bridge.engines.slurm.doctor_job_program")
    (folder / "events").mkdir()
    (folder / "job.sh").write_text(job_script(spec))
    store = store_text(store_settings(config_as_dvc(project.root), ()))
    # Few resources, so that it starts soon; where it runs is the project's.
    options = resource_options(Resources(memory="1Gi", retries=0), int(JOB_S), slurm)
    names = (f"--job-name={name}", f"--comment={COMMENT} {name} 0", f"--chdir={folder}")
    log = str(folder / "log").replace("%", "%%")  # SLURM replaces words such as %j
    arguments = (str(folder / "job.sh"), "0", "0", "-", "-", "probe")
    return submit_job(
        [*names, f"--output={log}", "--export=ALL", *options, *arguments], {STORE: store}
    )


def _wait(job: str) -> QueuedJob | None:
    """Return the state of a job when it has ended, or after a while."""
    deadline = time.monotonic() + JOB_S
    while True:
        found = [queued for queued in queued_jobs() if queued.slurm_id == job]
        if not found:
            return None
        if is_over(found[0].state) or time.monotonic() > deadline:
            return found[0]
        time.sleep(_POLL_S)


def _findings(state: QueuedJob | None, log: Path) -> Iterator[Finding]:
    printed = log.read_text("utf-8", "replace") if log.exists() else ""
    found = _printed(printed)
    if found is None:
        yield _no_answer(state, printed)
        return
    yield Finding("node", True, f"{found['node']} runs {found['python']} with dvc-bridge")
    if found["dvc"] == installed():
        yield Finding("dvc on the node", True, f"version {found['dvc']}, as here")
    else:
        yield Finding(
            "dvc on the node",
            False,
            f"the node has dvc {found['dvc']}, and this machine {installed()}",
            f"set slurm.python in {FILE} to one environment for both",
        )
    if found["error"]:
        fix = found["fix"] or "use a remote that nodes can reach; ask the site about proxies"
        yield Finding("remote from the node", False, found["error"], fix)
    else:
        yield Finding("remote from the node", True, f"{found['remote']} is writable")


def _printed(text: str) -> dict[str, Any] | None:
    for line in reversed(text.splitlines()):
        if line.startswith('{"node"'):
            found: dict[str, Any] = json.loads(line)
            return found
    return None


def _no_answer(state: QueuedJob | None, printed: str) -> Finding:
    """Return why the short job did not say anything."""
    last = "; ".join(printed.strip().splitlines()[-3:])
    if state and state.state == "PENDING":
        return Finding(
            "node",
            None,
            f"a short job did not start in {JOB_S:.0f} s: {state.reason}",
            "submit works, and runs wait in the same way; run doctor again when nodes are free",
        )
    if missing := re.findall(r"No module named '?(\w+)", printed):
        fix = f"set slurm.python in {FILE}, or activate the environment in slurm.setup"
        name = missing[-1].replace("_", "-")
        return Finding("node", False, f"the Python on the node has no {name}", fix)
    if not printed:
        return Finding(
            "node",
            False,
            f"a short job ended {state.state if state else 'unknown'} and wrote nothing",
            "put the project on a file system that nodes see at the same path and can write",
        )
    return Finding("node", False, f"a short job failed: {last}", f"correct slurm in {FILE}")
