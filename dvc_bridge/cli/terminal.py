"""What several commands print, and how they show a run."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvc_bridge.ui.view import View


def view_for(jobs: int, *, plain: bool) -> View:
    """Return the live view for a terminal, and plain lines otherwise.

    Parameters
    ----------
    jobs
        How many stages, or tasks, run at a time.
    plain
        Whether plain lines are requested.
    """
    if plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        # Commands without a view do not import one.
        from dvc_bridge.ui.plain_view import PlainView  # noqa: PLC0415

        return PlainView()
    from dvc_bridge.ui.live_view import LiveView  # noqa: PLC0415  a tenth of a second

    return LiveView(jobs)


def watch_of(args: Namespace) -> Callable[[int], View] | None:
    """Return what makes the view for watching a run; None: the command does not wait."""
    return partial(view_for, plain=args.plain) if args.wait else None


def report(line: str) -> None:
    """Print a line about a run without buffering, because the output may be a log."""
    print(line, flush=True)


def warn(text: str) -> None:
    """Print a warning to standard error, separate from the results."""
    print(f"dvc-bridge: {text}", file=sys.stderr)
