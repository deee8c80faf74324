"""`dvc-bridge submit --engine argo`, on a cluster whose controller and limits are tuned."""

from __future__ import annotations

from benchmarks.toolchains.dvc_bridge_argo.toolchain import create_toolchain

TOOLCHAIN = create_toolchain("COMPARISON_ARGO_TUNED", "dvc-bridge submit, argo, tuned")
