"""The command line: one file a group of commands, and one place that makes exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dvc_bridge.errors import BridgeError


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc-bridge` with `argv` (default: the process's own) and return its exit code."""
    parser = argparse.ArgumentParser(prog="dvc-bridge", description="Run any dvc.yaml in parallel.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    repro = commands.add_parser("repro", help="run stages here, in parallel, as dvc repro would")
    repro.add_argument("targets", nargs="*", metavar="TARGET")
    repro.add_argument("-j", "--jobs", type=int, default=1)
    repro.add_argument("-k", "--keep-going", action="store_true")
    repro.add_argument("-f", "--force", action="store_true")
    repro.add_argument("-s", "--single-item", action="store_true")
    repro.add_argument("-P", "--all-pipelines", action="store_true")
    repro.add_argument("--downstream", action="store_true")
    args = parser.parse_args(argv)
    try:
        # Imported late: `--help` needs no DVC.
        from dvc_bridge.cli.repro import repro as run  # noqa: PLC0415

        return run(args)
    except BridgeError as exc:
        print(f"dvc-bridge: {exc}", file=sys.stderr)
        return exc.exit_code
