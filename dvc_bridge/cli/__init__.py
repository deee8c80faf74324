"""The command line: one file a group of commands, and one place that makes exit codes."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from gc import set_threshold  # a module of this package has the name gc, too
from importlib import import_module
from io import TextIOWrapper

from dvc_bridge.errors import BridgeError, of_system

BUG = 5
STOPPED = 128 + signal.SIGINT
# Imports make tens of thousands of objects that stay: to look through them at every 700th, as is
# usual, takes a tenth of the CPU of a short command.
OBJECTS_A_LOOK = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc-bridge` with `argv` (default: the process's own) and return its exit code."""
    # A name that this terminal has no letters for must not end a run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        from dvc_bridge.ui.view import print_nowhere  # noqa: PLC0415  seldom

        print_nowhere()
        return 0


def _run(argv: Sequence[str] | None) -> int:
    from dvc_bridge.cli.parser import parser  # noqa: PLC0415  `python -m` needs errors first

    set_threshold(OBJECTS_A_LOOK)
    args = parser().parse_args(argv)
    module, _, name = args.run.partition(":")
    try:
        # Imported late: `--help` needs none of it.
        code: int = getattr(import_module(module), name)(args)
    except BridgeError as exc:
        return _refuse(exc)
    except KeyboardInterrupt:  # while a run goes on it is handled there
        print("dvc-bridge: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        raise
    except Exception as exc:
        if isinstance(exc, OSError) and (refused := of_system(exc)):
            return _refuse(refused)
        traceback.print_exc()
        print("dvc-bridge: this is a bug of dvc-bridge; please report the above", file=sys.stderr)
        return BUG
    return code


def _refuse(error: BridgeError) -> int:
    print(f"dvc-bridge: {error}", file=sys.stderr)
    return error.exit_code
