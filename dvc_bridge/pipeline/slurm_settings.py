"""The section `slurm` of dvc-bridge.yaml, and the part of it that a stage may set for itself.

slurm:
  partition: cpu
  account: team
  setup: [module load python/3.11, . /shared/venv/bin/activate]
stages:
  "train@*":
    gpu: 1
    slurm: {partition: gpu, constraint: a100}
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from dvc_bridge.pipeline.setting_mappings import Pairs

VARIABLE = r"\$\{?(\w+)\}?(/.*)?"


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    """Settings of the engine `slurm`.

    Parameters
    ----------
    partition, account, qos, constraint, reservation
        The values of the options of sbatch with these names; empty: the site's default. A stage may
        set its own.
    gres
        The name of GPUs as a generic resource, such as `gpu` or `gpu:a100`.
    extra
        More options for sbatch.
    setup
        Lines of shell that a job runs before its worker, such as `module load python`.
    python
        The Python interpreter of the workers; empty: the one that runs the client.
    work_dir
        The folder of nodes in which workers work: a path or a variable such as `$SLURM_TMPDIR`;
        empty: `$SLURM_TMPDIR`, `$TMPDIR` or `/tmp`, whichever is set first.
    container
        The words of the command that runs a worker in a container, such as `apptainer exec IMAGE`.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    reservation: str = ""
    gres: str = "gpu"
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    python: str = ""
    work_dir: str = ""
    container: tuple[str, ...] = ()

    def of_stage(self, own: Pairs) -> SlurmSettings:
        """Return the settings of a stage that has settings of its own."""
        return replace(self, **dict(own))


def folder_parts(work_dir: str) -> tuple[str, str]:
    """Return the variable and the path in a folder such as `$TMPDIR/dvc`; one may be empty."""
    match = re.fullmatch(VARIABLE, work_dir)
    return (match[1], match[2] or "") if match else ("", work_dir)
