"""What SLURM's refusals mean; the messages are those of SLURM 22.05."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvc_bridge.engines.slurm.commands import environment_of_jobs, run_command
from dvc_bridge.engines.slurm.refusals import refusal
from dvc_bridge.errors import StorageError, UsageError

REFUSALS = {
    "allocation failure: Requested node configuration is not available": "no node of the partition",
    "sbatch: error: invalid partition specified: nope\n"
    "allocation failure: Invalid partition name specified": "set slurm.partition",
    "sbatch: error: Invalid generic resource (gres) specification": "set slurm.gres",
    "allocation failure: Invalid feature specification": "set slurm.constraint",
    "allocation failure: Requested reservation is invalid": "set slurm.reservation",
    "sbatch: unrecognized option '--nope'\n"
    'Try "sbatch --help" for more information': "correct slurm.extra",
    "sbatch: error: Batch job submission failed: Invalid account or account/partition combination"
    " specified": "set slurm.account",
    "sbatch: error: Batch job submission failed: Invalid qos specification": "set slurm.qos",
    "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or"
    " exceeds some limit)": "lower timeout",
    "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job"
    " violates accounting/QOS policy (job submit limit, user's size and/or time limits)": (
        "submit fewer and larger tasks"
    ),
    "sbatch: error: Batch job submission failed: Invalid job array specification": "MaxArraySize",
    "sbatch: fatal: Could not establish a configuration source": "run dvc-bridge on a login node",
}


@pytest.mark.parametrize(("printed", "fix"), REFUSALS.items())
def test_a_refusal_names_its_fix(printed: str, fix: str) -> None:
    error = refusal("sbatch", printed, 1)
    assert isinstance(error, UsageError)
    assert fix in error.fix
    assert "sbatch: error" not in error.message.removeprefix("sbatch refused")


def test_a_controller_that_does_not_respond_is_worth_another_try() -> None:
    printed = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    assert isinstance(refusal("squeue", printed, 1), StorageError)


def test_without_the_commands_of_slurm_a_login_node_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="sbatch of SLURM is not installed") as raised:
        run_command(["sbatch"])
    assert "login node" in raised.value.fix


def test_variables_of_an_enclosing_job_do_not_reach_new_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_NODE", "SBATCH_EXPORT", "SLURMD_NODENAME"):
        monkeypatch.setenv(name, "x")
    for name in ("SLURM_CONF", "SBATCH_PARTITION", "AWS_PROFILE"):
        monkeypatch.setenv(name, "y")
    found = environment_of_jobs()
    assert {found.get(name) for name in ("SLURM_CONF", "SBATCH_PARTITION", "AWS_PROFILE")} == {"y"}
    assert "x" not in {found.get(name) for name in ("SLURM_JOB_ID", "SBATCH_EXPORT")}
    assert not {"SLURM_MEM_PER_NODE", "SLURMD_NODENAME"} & found.keys()
