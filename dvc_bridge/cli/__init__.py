"""The command line: one file a group of commands, and one place that makes exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from dvc_bridge.errors import BridgeError

BUG = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc-bridge` with `argv` (default: the process's own) and return its exit code."""
    from dvc_bridge.cli.parser import parser  # noqa: PLC0415  `python -m` needs errors first

    args = parser().parse_args(argv)
    module, _, name = args.run.partition(":")
    try:
        # Imported late: `--help` needs none of it.
        code: int = getattr(import_module(module), name)(args)
    except BridgeError as exc:
        print(f"dvc-bridge: {exc}", file=sys.stderr)
        return exc.exit_code
    except BrokenPipeError:  # whoever read the output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        print("dvc-bridge: this is a bug of dvc-bridge; please report the above", file=sys.stderr)
        return BUG
    return code
