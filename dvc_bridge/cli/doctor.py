"""`dvc-bridge doctor`: check the environment, and print the command that fixes each problem."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from dvc_bridge.app.doctor import examine
from dvc_bridge.cli.options import add_engine
from dvc_bridge.cli.terminal import warn
from dvc_bridge.engines.base import Finding
from dvc_bridge.errors import UsageError

_MARKS = {True: "ok", False: "wrong", None: "?"}


def declare_doctor(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge doctor`."""
    add_engine(command)
    command.set_defaults(run=doctor_command)


def doctor_command(args: Namespace) -> int:
    """Check everything that a run needs, and print the findings."""
    findings = list(examine(args.engine, warn=warn))
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        _print(finding, width)
    if any(finding.is_ok is False for finding in findings):
        raise UsageError("a run here would not work, see above")
    return 0


def _print(finding: Finding, width: int) -> None:
    first, *more = finding.message.splitlines()
    if finding.fix:
        more.append(f"fix: {finding.fix}")
    print(f"{_MARKS[finding.is_ok]:<5}  {finding.subject:<{width}}  {first}")
    for line in more:
        print(f"{'':<5}  {'':<{width}}  {line}")
