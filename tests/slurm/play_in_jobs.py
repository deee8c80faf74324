"""Run `dvc-bridge submit --engine slurm --wait` with the arguments of `repro`, for the lab.

Jobs see the files of the lab, so its tools `ran` and `during` work in them as they do here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from dvc_bridge import cli
from dvc_bridge.verify.against_dvc import without_jobs

DEADLINE_S = 600  # a busy machine starts workers slowly
# Jobs always keep going with stages that do not depend on a failed one.
_OTHERS = ("--plain", "-k", "--keep-going")


def main(argv: Sequence[str]) -> int:
    """Play `repro` with jobs."""
    signal.alarm(DEADLINE_S)
    fuse = os.environ.get("EQUALITY_FUSE", "auto")
    words = [word for word in without_jobs(argv[1:]) if word not in _OTHERS]
    return cli.main(["submit", "--engine", "slurm", "--wait", "--plain", "--fuse", fuse, *words])
