"""The contract between the client of a remote run and its workers.

A worker is `dvc-bridge worker REFERENCE` with the environment variables below. It ends with an exit
code of `dvc_bridge.errors`: 0 if all stages of its task have a good result, 75 if the same worker
may succeed when it is started again, 124 if it took too long, 128+n after signal n.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber

RUN = "DVC_BRIDGE_RUN"
STORE = "DVC_BRIDGE_STORE"
CODE = "DVC_BRIDGE_CODE"
REPO = "DVC_BRIDGE_REPO"
REVISION = "DVC_BRIDGE_REVISION"
PLAN = "DVC_BRIDGE_PLAN"
# The time limit of the task in seconds; if the engine does not set it, the worker has no limit.
TIMEOUT = "DVC_BRIDGE_TIMEOUT"
# How often the engine started this task before, for the trace of the run; an engine may not set it.
RETRIES = "DVC_BRIDGE_RETRIES"

# Where the files of a worker image are in a pod whose own image has no dvc-bridge.
PORTABLE_FOLDER = "/dvc-bridge"

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
# The exit code of a worker that took longer than its time limit, as of timeout(1).
OUT_OF_TIME = 124
# The exit codes of a worker that was killed by SIGKILL or by SIGTERM.
KILLED = (137, 143)


@dataclass(frozen=True, slots=True)
class SnapshotCode:
    """The code of a run is a snapshot in the remote.

    Parameters
    ----------
    sha256
        The name of the snapshot.
    """

    sha256: str

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a worker."""
        return {CODE: self.sha256}


@dataclass(frozen=True, slots=True)
class GitCode:
    """The code of a run is a revision of a git repository.

    Parameters
    ----------
    plan
        The data that a worker needs besides the code: see `dvc_bridge.worker.from_git.plan_of`.
    """

    repo: str
    revision: str
    plan: Mapping[str, Any]

    def variables(self) -> dict[str, str]:
        """Return the environment variables of a worker."""
        return {
            REPO: self.repo,
            REVISION: self.revision,
            PLAN: json.dumps(self.plan, sort_keys=True),
        }


@dataclass(frozen=True, slots=True)
class WorkerEnvironment:
    """The environment of every worker of a run.

    Parameters
    ----------
    store
        The settings of the DVC remotes, without secrets.
    """

    run: str
    store: Sections
    code: SnapshotCode | GitCode

    def variables(self) -> dict[str, str]:
        """Return the environment variables."""
        return {RUN: self.run, STORE: store_text(self.store), **self.code.variables()}


def store_text(store: Sections) -> str:
    """Return the settings of the remotes as the text of a variable."""
    return json.dumps(store, sort_keys=True)


def time_limit(variables: Mapping[str, str]) -> float | None:
    """Return the time limit of a worker in seconds; None: there is none."""
    text = variables.get(TIMEOUT)
    return float(text) if text else None


def attempt_number(variables: Mapping[str, str]) -> int | None:
    """Return the number, from 1, of this attempt of the task; None: the engine does not say it."""
    text = variables.get(RETRIES, "")
    return int(text) + 1 if text.isdecimal() else None


def worker_environment(variables: Mapping[str, str]) -> WorkerEnvironment:
    """Read the environment variables of a worker.

    Raises
    ------
    UsageError
        Some variables are not set: this process is not a task of a run.
    """
    missing = [name for name in (RUN, STORE) if not variables.get(name)]
    if not (variables.get(CODE) or variables.get(REPO)):
        missing.append(f"{CODE} or {REPO}")
    if missing:
        raise UsageError(
            f"{', '.join(missing)} not set: this command is for the tasks of a run",
            "dvc-bridge submit",
        )
    code: SnapshotCode | GitCode
    if repo := variables.get(REPO):
        plan = json.loads(variables.get(PLAN, "{}"))
        code = GitCode(repo, variables.get(REVISION, ""), plan)
    else:
        code = SnapshotCode(variables[CODE])
    return WorkerEnvironment(variables[RUN], json.loads(variables[STORE]), code)


@dataclass(frozen=True, slots=True)
class PlanLine:
    """The location of a task in plan.json: a line of `length` bytes that begins at byte `start`."""

    task: TaskNumber
    start: int
    length: int

    def __str__(self) -> str:
        return f"{self.task}:{self.start}:{self.length}"


def plan_line(reference: str) -> PlanLine:
    """Read a reference `<task>:<start>:<length>`.

    Raises
    ------
    UsageError
        The text is not a reference.
    """
    try:
        task, start, length = map(int, reference.split(":"))
    except ValueError as exc:
        raise UsageError(
            f"invalid task reference {reference}", "use a reference from the manifest of the run"
        ) from exc
    return PlanLine(TaskNumber(task), start, length)
