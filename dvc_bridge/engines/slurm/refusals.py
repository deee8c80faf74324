"""What a refusal of SLURM means, and what to do about it."""

from __future__ import annotations

import re

from dvc_bridge.errors import BridgeError, StorageError, UsageError
from dvc_bridge.pipeline.settings_file import FILE

_LIMIT = (
    "wait until other jobs have ended, or submit fewer and larger tasks: --fuse auto;"
    " `sacctmgr show assoc user=$USER` shows the limits"
)
# A part of SLURM's message -> the next step.
_FIXES = {
    r"configuration source": (
        "run dvc-bridge on a login node; SLURM_CONF names the configuration of a cluster elsewhere"
    ),
    r"invalid partition": f"set slurm.partition in {FILE} to a partition that `sinfo` lists",
    r"invalid account|account/partition combination": (
        f"set slurm.account in {FILE} to an account that `sacctmgr show assoc user=$USER` lists,"
        " and slurm.partition to a partition that it may use"
    ),
    r"invalid qos": f"set slurm.qos in {FILE} to a QOS that `sacctmgr show qos` lists",
    r"invalid feature": f"set slurm.constraint in {FILE} to features that `sinfo -o '%N %f'` lists",
    r"reservation": (
        f"set slurm.reservation in {FILE} to one that `scontrol show reservation` lists"
    ),
    r"invalid generic resource|invalid gres|gpu": (
        f"the cluster has no such GPUs: `sinfo -o '%P %G'` shows what it has; set slurm.gres and"
        f" stages.GLOB.gpu in {FILE}"
    ),
    r"node configuration is not available|cpu count|memory specification": (
        "no node of the partition is that large: `sinfo -o '%P %c %m'` shows CPUs and megabytes;"
        f" lower cpu or memory in {FILE}, or name another slurm.partition"
    ),
    r"time limit is invalid": (
        f"lower timeout in {FILE}, let fewer stages share a task (fuse), or name another"
        " slurm.partition: `sinfo -o '%P %l'` shows the limits"
    ),
    r"job violates accounting|qosmax|assocmax|submit limit|job limit|exceed.*limit": _LIMIT,
    r"unrecognized option|invalid option|unknown option|requires an argument": (
        f"correct slurm.extra in {FILE}; `man sbatch` lists the options"
    ),
    r"dependency problem": "a job that others wait for has already ended; submit again",
    r"invalid job array": "the array is larger than MaxArraySize; `scontrol show config` shows it",
    r"access/permission denied|invalid user": "ask the site for access to SLURM for this user",
    r"unable to open file|could not open": "check that the folder exists and can be written",
}
_NO_ANSWER = re.compile(
    r"unable to contact slurm controller|connection refused|timed out|socket timed out"
    r"|communication connection failure|zero bytes|try again|temporarily",
    re.IGNORECASE,
)


def refusal(command: str, printed: str, code: int) -> BridgeError:
    """Return the error for a command of SLURM that failed."""
    text = _essence(printed) or f"exit code {code}"
    if _NO_ANSWER.search(printed):
        return StorageError(
            f"the controller of SLURM does not respond to {command}: {text}",
            "try again; `scontrol ping` shows whether it runs",
        )
    fix = next((fix for part, fix in _FIXES.items() if re.search(part, printed, re.I)), "")
    return UsageError(f"{command} refused: {text}", fix or f"`man {command}` explains the message")


def _essence(printed: str) -> str:
    """Return SLURM's message in one line, without the names of programs and of functions."""
    lines = [re.sub(r"^\w+: (error: )?", "", line).strip() for line in printed.splitlines()]
    unwanted = ("Try ", "Use ")
    return "; ".join(
        dict.fromkeys(line for line in lines if line and not line.startswith(unwanted))
    )
