"""Which view of a run fits where its output goes."""

from __future__ import annotations

import os
import sys

from dvc_bridge.ui.view import PlainView, View


def view_for(*, plain: bool, jobs: int) -> View:
    """Give the moving view for a terminal, else plain lines.

    Parameters
    ----------
    plain
        Plain lines are asked for.
    jobs
        How many stages, or pods, run at a time.
    """
    if plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return PlainView()
    from dvc_bridge.ui.live import LiveView  # noqa: PLC0415  a tenth of a second

    return LiveView(jobs)
