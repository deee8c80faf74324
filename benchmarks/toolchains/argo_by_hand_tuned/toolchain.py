"""Argo by hand, on a cluster whose controller and limits are tuned."""

from __future__ import annotations

from benchmarks.comparison.cluster import ARGO_TUNED
from benchmarks.toolchains.argo_by_hand.toolchain import create_toolchain

TOOLCHAIN = create_toolchain(ARGO_TUNED, "a pod per stage by hand, argo, tuned")
