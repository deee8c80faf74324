"""What several commands print, and how they show a run."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from dvc_bridge.ui.view import View


def view_for(jobs: int, *, plain: bool, quiet: bool = False, every: bool = False) -> View:
    """Return the live view for a terminal, and plain lines otherwise.

    Parameters
    ----------
    jobs
        How many stages, or tasks, run at a time.
    plain
        Whether plain lines are requested.
    quiet
        Whether to show only what commands print.
    every
        Whether to show stages too that are unchanged.
    """
    if quiet:
        from dvc_bridge.ui.quiet_view import QuietView  # noqa: PLC0415  as below

        return QuietView()
    if plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        # Commands without a view do not import one.
        from dvc_bridge.ui.plain_view import PlainView  # noqa: PLC0415

        return PlainView(every=every)
    from dvc_bridge.ui.live_view import LiveView  # noqa: PLC0415  a tenth of a second

    return LiveView(jobs, every=every)


def confirm(question: str) -> bool:
    """Ask a question on the terminal, and return whether the answer is yes; without one, no."""
    if not sys.stdout.isatty():
        return False
    while True:
        try:
            answer = input(f"{question} [y/n] ").strip().lower()
        except EOFError:
            return False
        if answer in ("y", "yes", "n", "no"):
            return answer.startswith("y")


def watch_of(args: Namespace) -> Callable[[int], View] | None:
    """Return what makes the view for watching a run; None: the command does not wait."""
    return partial(view_for, plain=args.plain) if args.wait else None


def report(line: str, file: TextIO | None = None) -> None:
    """Print a line about a run without buffering, because the output may be a log."""
    try:
        print(line, file=file, flush=True)
    except BrokenPipeError:
        from dvc_bridge.ui.standard_output import print_nowhere  # noqa: PLC0415  seldom

        print_nowhere(file)


def warn(text: str) -> None:
    """Print a warning to standard error, separate from the results."""
    print(f"dvc-bridge: {text}", file=sys.stderr)
