"""The commands of SLURM: sbatch, squeue, scontrol, scancel, sacct and sinfo."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache

from dvc_bridge.engines.slurm.refusals import refusal
from dvc_bridge.errors import BridgeError, StorageError, UsageError

# Commands wait for a controller that does not respond; SLURM's own limit is MessageTimeout.
TIMEOUT_S = 120.0
# Variables of a job, which sbatch in that job would pass on to new jobs or read as options.
_OF_A_JOB = re.compile(r"SLURM_(?!CONF|CLUSTERS|DEBUG).*|SLURMD_.*")
# Only these variables change the options of sbatch that dvc-bridge does not set itself.
_DEFAULTS = re.compile(
    r"SBATCH_(PARTITION|ACCOUNT|QOS|CONSTRAINT|RESERVATION|TIMELIMIT|CLUSTERS|MEM_.*)"
)


def run_command(
    argv: Sequence[str], *, stdin: str = "", variables: Mapping[str, str] | None = None
) -> str:
    """Run a command of SLURM and return what it prints.

    Parameters
    ----------
    variables
        Added to the environment of the command.

    Raises
    ------
    UsageError
        The command is not installed, or SLURM refuses what it asks for.
    StorageError
        The controller does not respond.
    """
    environment = {**environment_of_jobs(), **(variables or {}), "SLURM_TIME_FORMAT": "%s"}
    try:
        done = subprocess.run(
            list(argv),
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError as exc:
        raise UsageError(
            f"the command {argv[0]} of SLURM is not installed on this machine",
            "run dvc-bridge on a login node of the cluster, after `module load slurm` if needed",
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise StorageError(
            f"{argv[0]} did not respond in {TIMEOUT_S:.0f} s",
            "try again; `scontrol ping` shows why",
        ) from exc
    if done.returncode:
        raise refusal(argv[0], done.stderr or done.stdout, done.returncode)
    return done.stdout


def environment_of_jobs() -> dict[str, str]:
    """Return the environment of this process without the variables of a job it may run in."""
    return {
        name: value
        for name, value in os.environ.items()
        if not _OF_A_JOB.fullmatch(name)
        and (not name.startswith("SBATCH_") or _DEFAULTS.fullmatch(name))
    }


@cache
def controller_settings() -> Mapping[str, str]:
    """Return the settings of the controller, as `scontrol show config` prints them."""
    lines = run_command(["scontrol", "show", "config"]).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def setting(name: str, default: int) -> int:
    """Return a number among the settings of the controller."""
    match = re.match(r"\d+", controller_settings().get(name, ""))
    return int(match[0]) if match else default


def cluster_name() -> str:
    """Return the name of the cluster."""
    return controller_settings().get("ClusterName", "")


def submit_job(options: Sequence[str], variables: Mapping[str, str]) -> str:
    """Submit a job and return its number.

    Parameters
    ----------
    options
        The options of sbatch, the script's path and its arguments.
    variables
        Added to the environment of the job.
    """
    printed = run_command(["sbatch", "--parsable", *options], variables=variables)
    # `sbatch --parsable` prints the number, and `;cluster` in a federation.
    job = printed.strip().splitlines()[-1].partition(";")[0] if printed.strip() else ""
    if not job.isdecimal():
        raise BridgeError(
            f"sbatch printed no job number but {printed.strip()!r}", "sbatch --version"
        )
    return job


def check_options(options: Sequence[str]) -> None:
    """Let SLURM check the options of a job without submitting one.

    Raises
    ------
    UsageError
        SLURM would refuse the job.
    """
    run_command(["sbatch", "--test-only", *options], stdin="#!/bin/sh\n")


def release_jobs(jobs: Sequence[str]) -> None:
    """Let held jobs start."""
    run_command(["scontrol", "release", ",".join(jobs)])


def cancel_jobs(jobs: Sequence[str]) -> None:
    """Cancel jobs; those that have ended stay as they are."""
    if jobs:
        run_command(["scancel", "--quiet", *jobs])
