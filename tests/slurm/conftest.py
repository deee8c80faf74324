"""What the tests of the engine `slurm` share."""

from __future__ import annotations

import os
import shutil

import pytest

# As KUBECONFIG names a cluster; CONTRIBUTING.md says how to start a SLURM on one machine.
NEEDS_SLURM = pytest.mark.skipif(
    not os.environ.get("SLURM_CONF") or shutil.which("sbatch") is None,
    reason="needs a SLURM that SLURM_CONF names",
)
