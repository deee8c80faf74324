"""Standard output as it is without DVC, and when its reader has ended."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def standard_output() -> TextIO:
    """Return sys.stdout without the wrapper that DVC's import adds.

    The wrapper, colorama, removes the colors of commands, and fails if one sets the title of the
    terminal.
    """
    colorama = sys.modules.get("colorama.initialise")
    if colorama is not None and sys.stdout is getattr(colorama, "wrapped_stdout", None):
        original: TextIO = colorama.orig_stdout
        return original
    return sys.stdout


def print_nowhere(file: TextIO | None = None) -> None:
    """Discard all further output: the process that read it has ended, as with `| head`.

    Neither a run nor its exit code may depend on a reader.

    Parameters
    ----------
    file
        Standard output or standard error; None: standard output.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, (file or sys.stdout).fileno())
    os.close(null)
