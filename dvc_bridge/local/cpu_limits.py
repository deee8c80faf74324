"""Limits on the threads of commands that run at the same time."""

from __future__ import annotations

import os
from collections.abc import Mapping

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def thread_limits(jobs: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that limit each of `jobs` commands to its share of the cores.

    The result is empty for one job, and if the user has set one of `VARIABLES`.
    """
    if jobs < 2 or any(name in environment for name in VARIABLES):
        return {}
    return dict.fromkeys(VARIABLES, str(max(1, _core_count() // jobs)))


def _core_count() -> int:
    """Return how many cores this process may use; macOS does not restrict it to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
