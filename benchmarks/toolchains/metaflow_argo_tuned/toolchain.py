"""Metaflow on Argo, on a cluster whose controller and limits are tuned."""

from __future__ import annotations

from benchmarks.comparison.cluster import ARGO_TUNED
from benchmarks.toolchains.metaflow_argo.toolchain import create_toolchain

TOOLCHAIN = create_toolchain(ARGO_TUNED, "Metaflow argo-workflows, tuned")
