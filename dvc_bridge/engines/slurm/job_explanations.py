"""What the states of SLURM's jobs mean for a task, and what to do about each of them."""

from __future__ import annotations

from dataclasses import dataclass

from dvc_bridge.pipeline.run_status import Phase
from dvc_bridge.pipeline.settings_file import FILE

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"})
GOING_ON = frozenset(
    {
        *("RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "RESIZING", "SIGNALING"),
        *("STAGE_OUT", "STOPPED"),
    }
)
HELD_BY_USER = "JobHeldUser"
LAUNCH_FAILED = "launch failed requeued held"
NEVER_SATISFIED = "DependencyNeverSatisfied"
_RETRY = "dvc-bridge retry {run} runs it again"
# Reasons that every job has for a while.
_USUAL_REASONS = ("", "None", "Dependency")
# Reasons that do not go away unless the user does something -> the next step.
_BLOCKED = {
    HELD_BY_USER: "scontrol release {job}",
    "JobHeldAdmin": "the site's administrators hold the job: ask them",
    "JobHoldMaxRequeue": "it was requeued too often: look at the log, then scontrol release {job}",
    LAUNCH_FAILED: ("the node could not start it: ask the site; then scontrol release {job}"),
    "PartitionTimeLimit": (
        f"its time is above the partition's limit: lower timeout in {FILE}; `sinfo -o '%P %l'`"
    ),
    "PartitionNodeLimit": f"the partition has too few nodes: set slurm.partition in {FILE}",
    "PartitionDown": f"the partition is down: set slurm.partition in {FILE}, or ask the site",
    "PartitionInactive": f"the partition is inactive: set slurm.partition in {FILE}",
    "BadConstraints": f"no node fits: correct slurm.constraint, cpu or memory in {FILE}",
    "InvalidAccount": f"correct slurm.account in {FILE}",
    "InvalidQOS": f"correct slurm.qos in {FILE}",
    "AccountNotAllowed": f"the partition does not allow the account: correct {FILE}",
    "QOSNotAllowed": f"the partition does not allow the QOS: correct slurm.qos in {FILE}",
    "AccountingPolicy": f"the site's limits do not allow it: lower its resources in {FILE}",
    "ReservationDeleted": f"set another slurm.reservation in {FILE}",
    "AssocMaxCpuPerJobLimit": f"lower cpu in {FILE}",
    "AssocMaxMemPerJob": f"lower memory in {FILE}",
    "AssocMaxWallDurationPerJobLimit": f"lower timeout in {FILE}",
    "QOSMaxCpuPerJobLimit": f"lower cpu in {FILE}",
    "QOSMaxMemoryPerJob": f"lower memory in {FILE}",
    "QOSMaxWallDurationPerJobLimit": f"lower timeout in {FILE}",
    "QOSMaxGRESPerJob": f"lower gpu in {FILE}",
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a state means.

    Parameters
    ----------
    fix
        The next step, with `{run}` and `{job}` for their names.
    is_blocked
        As in `TaskStatus`.
    """

    phase: Phase
    message: str = ""
    fix: str = ""
    is_blocked: bool = False


OUT_OF_MEMORY = "OUT_OF_MEMORY"
_ENDS = {
    "COMPLETED": Meaning(Phase.SUCCEEDED),
    "TIMEOUT": Meaning(
        Phase.FAILED,
        "it reached its time limit",
        f"raise timeout of the stage in {FILE}; without one, the limit is the partition's default",
    ),
    "DEADLINE": Meaning(
        Phase.FAILED, "it could not end before its deadline", f"remove --deadline in {FILE}"
    ),
    OUT_OF_MEMORY: Meaning(
        Phase.FAILED,
        "it needed more memory than its job has",
        f"raise memory of the stage in {FILE}",
    ),
    "NODE_FAIL": Meaning(Phase.ERROR, "its node failed", _RETRY),
    "BOOT_FAIL": Meaning(Phase.ERROR, "its node did not boot", _RETRY),
    "PREEMPTED": Meaning(
        Phase.ERROR,
        "a job with a higher priority took its node",
        f"{_RETRY}; another slurm.partition or slurm.qos in {FILE} may not be preempted",
    ),
    "REVOKED": Meaning(Phase.ERROR, "another cluster of the federation took it", _RETRY),
    "CANCELLED": Meaning(
        Phase.ERROR, "it was cancelled, by scancel or by an administrator", _RETRY
    ),
}


def is_over(state: str) -> bool:
    """Return whether a job in this state has ended."""
    return state not in WAITING and state not in GOING_ON


def meaning_of(state: str, reason: str) -> Meaning | None:
    """Return what a state means; None: it says no more than the exit code does."""
    if state in WAITING:
        return _waiting(state, reason)
    if state in GOING_ON:
        return Meaning(Phase.RUNNING, "it is suspended" if state == "SUSPENDED" else "")
    if state == "CANCELLED" and reason == NEVER_SATISFIED:
        return Meaning(Phase.OMITTED)
    return _ENDS.get(state)


def _waiting(state: str, reason: str) -> Meaning:
    if reason in _USUAL_REASONS:
        return Meaning(Phase.PENDING)
    if fix := _BLOCKED.get(reason):
        return Meaning(Phase.PENDING, f"SLURM does not start it: {reason}", fix, is_blocked=True)
    if state in ("REQUEUE_HOLD", "SPECIAL_EXIT"):
        fix = "scontrol release {job}"
        return Meaning(Phase.PENDING, f"SLURM holds it: {reason}", fix, is_blocked=True)
    return Meaning(Phase.PENDING, f"waits: {reason}")
