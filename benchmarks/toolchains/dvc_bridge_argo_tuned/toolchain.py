"""`dvc-bridge submit --engine argo`, on a cluster whose controller and limits are tuned."""

from __future__ import annotations

from benchmarks.comparison.cluster import ARGO_TUNED
from benchmarks.toolchains.dvc_bridge_argo.toolchain import create_toolchain

TOOLCHAIN = create_toolchain("argo", ARGO_TUNED, "dvc-bridge submit, argo, tuned")
