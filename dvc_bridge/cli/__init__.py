"""The command line: one module per group of commands; this one sets the exit codes."""

from __future__ import annotations

import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from gc import freeze, set_threshold  # a module of this package is named gc, too
from io import TextIOWrapper
from os import chdir, devnull, set_inheritable
from time import time
from typing import NoReturn

from dvc_bridge.errors import BridgeError, UsageError, of_system

BUG = 5
STOPPED = 128 + signal.SIGINT
# Imports create tens of thousands of permanent objects. A garbage collection after every 700 new
# objects, the default, takes a tenth of the CPU time of a short command.
GC_THRESHOLD = 100_000


def run() -> NoReturn:
    """Run `dvc-bridge` as the program of this process."""
    try:
        sys.exit(main())
    finally:
        # The interpreter ends with a search for garbage in all objects, which takes a quarter of
        # the time of a short command; the memory goes back to the system anyway.
        freeze()


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc-bridge` with `argv` (default: the process's own) and return its exit code."""
    _open_missing_streams()
    # A name that the terminal's encoding does not support must not end a run.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = 0
    try:
        try:
            code = _run(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _print_nowhere()
    except OSError as exc:  # such as a full disk
        _print_nowhere()
        error = of_system(exc, "standard output")
        if error is None:
            raise
        return code or _print_error(error)
    return code


def _open_missing_streams() -> None:
    """Open standard streams that the caller closed; files of a run would get their numbers."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(devnull, mode)  # noqa: PTH123, SIM115  as long as the process
            set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)


def _print_nowhere() -> None:
    from dvc_bridge.ui.standard_output import print_nowhere  # noqa: PLC0415  seldom

    print_nowhere()


def _run(argv: Sequence[str] | None) -> int:
    from dvc_bridge.cli.parser import parser  # noqa: PLC0415  `python -m` needs errors first

    set_threshold(GC_THRESHOLD)
    args = parser().parse_args(argv)
    since = time()
    code, message = _outcome(args)
    if getattr(args, "on_end", None):
        from dvc_bridge.cli.follow import tell_end  # noqa: PLC0415  few runs have it

        tell_end(args, code, message, since)
    return code


def _outcome(args: Namespace) -> tuple[int, str]:
    """Run the command of parsed arguments; return its exit code, and its error as text."""
    try:
        if args.cd is not None:
            _change_folder(args.cd)
        code: int = args.run(args)
    except BridgeError as exc:
        return _print_error(exc), exc.message
    except KeyboardInterrupt:  # the runner handles it during a run
        print("dvc-bridge: stopped", file=sys.stderr)
        return STOPPED, "stopped"
    except BrokenPipeError:  # of standard output, whose reader has ended
        _print_nowhere()
        return 0, ""
    except Exception as exc:
        if error := _expected(exc):
            return _print_error(error), error.message
        traceback.print_exc()
        print("dvc-bridge: this is a bug of dvc-bridge; please report the above", file=sys.stderr)
        return BUG, str(exc)
    return code, ""


def _expected(exc: Exception) -> BridgeError | None:
    """Return an error of the environment as one that the user can act on; None for a bug."""
    if isinstance(exc, OSError):
        return of_system(exc)
    if isinstance(exc, ModuleNotFoundError) and (exc.name or "").partition(".")[0] == "metaflow":
        return UsageError("Metaflow is not installed", "pip install 'dvc-bridge[metaflow]'")
    return None


def _change_folder(folder: str) -> None:
    try:
        chdir(folder)
    except OSError as exc:
        raise UsageError(
            f"cannot change to {folder}: {exc.strerror}", "name another folder with --cd"
        ) from exc


def _print_error(error: BridgeError) -> int:
    print(f"dvc-bridge: {error}", file=sys.stderr)
    return error.exit_code
