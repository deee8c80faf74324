"""`dvc-bridge submit --engine slurm`: a remote run on a cluster."""

from __future__ import annotations

from benchmarks.comparison.cluster import SLURM
from benchmarks.toolchains.dvc_bridge_argo.toolchain import create_toolchain

TOOLCHAIN = create_toolchain("slurm", SLURM, "dvc-bridge submit, slurm")
