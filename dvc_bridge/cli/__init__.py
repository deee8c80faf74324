"""The command line: one file a group of commands, and one place that makes exit codes."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run `dvc-bridge` with `argv` (default: the process's own) and return its exit code."""
    raise SystemExit("dvc-bridge has no commands yet" if argv is None else 2)
