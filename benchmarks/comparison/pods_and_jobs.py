"""Count the pods or jobs that a run started, as the cluster remembers them.

A run's Workflows and Jobs are those whose names its output contains, and its SLURM jobs are those
that were submitted from its project: others may use the cluster at the same time. SLURM forgets
jobs some minutes after their end (MinJobAge).
"""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison.cluster import SLURM, read_argo_settings

_ACTIVE_JOBS = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}
_WAIT_S, _PAUSE_S = 120.0, 1.0
_QUERY = ("squeue", "--me", "--states=all", "--array", "--noheader", "--format=%V|%T|%Z")

# Returns the output of a command; raises OSError or CalledProcessError if it fails.
Ask = Callable[[Sequence[str]], str]


def run_query(command: Sequence[str]) -> str:
    """Run a command and return its output."""
    program, *arguments = command
    found = [shutil.which(program) or program, *arguments]
    return subprocess.run(found, check=True, capture_output=True, text=True).stdout


def count_pods_or_jobs(
    variable: str, project: Path, log: str, since: datetime.datetime, ask: Ask = run_query
) -> int | None:
    """Wait until all that a run started has ended, so that it disturbs no other run; count it.

    Parameters
    ----------
    variable
        The environment variable that names the cluster.
    log
        The output of the run.
    since
        The time before the run, in the time zone of this machine.

    Returns
    -------
    int | None
        None if the cluster does not respond.
    """
    end_s = time.monotonic() + _WAIT_S
    try:
        while True:
            if variable == SLURM:
                n_started, is_active = _count_jobs(project, since, ask)
            else:
                namespace = read_argo_settings(variable).namespace
                n_started, is_active = _count_pods(namespace, log, ask)
            if not is_active or time.monotonic() > end_s:
                return n_started
            time.sleep(_PAUSE_S)
    except (OSError, subprocess.CalledProcessError):
        return None


def _count_jobs(project: Path, since: datetime.datetime, ask: Ask) -> tuple[int, bool]:
    """Return the number of SLURM jobs, and whether one is active."""
    start = since.replace(microsecond=0, tzinfo=None).isoformat()
    states = []
    for line in ask(_QUERY).splitlines():
        submitted, state, folder = line.split("|", 2)
        if submitted >= start and Path(folder).is_relative_to(project):
            states.append(state)
    return len(states), bool(_ACTIVE_JOBS & set(states))


def _count_pods(namespace: str | None, log: str, ask: Ask) -> tuple[int, bool]:
    """Return the number of pods, and whether a Workflow or a Job is active."""
    where = ["--namespace", namespace] if namespace else []
    items = json.loads(ask(["kubectl", "get", "workflows,jobs", *where, "--output", "json"]))
    n_started, is_active = 0, False
    for item in items["items"]:
        if item["metadata"]["name"] in log:
            n_started += _count_pods_of(item)
            is_active |= not _has_ended(item)
    return n_started, is_active


def _count_pods_of(item: Mapping[str, Any]) -> int:
    status = item.get("status", {})
    if item["kind"] == "Job":
        return int(sum(status.get(name, 0) for name in ("active", "succeeded", "failed")))
    return sum(node["type"] == "Pod" for node in status.get("nodes", {}).values())


def _has_ended(item: Mapping[str, Any]) -> bool:
    status = item.get("status", {})
    if item["kind"] == "Job":
        return not status.get("active") and bool(status.get("conditions"))
    return bool(status.get("finishedAt"))
