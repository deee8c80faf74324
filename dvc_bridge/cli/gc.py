"""`dvc-bridge gc`: remove old runs and snapshots from the remote."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from dvc_bridge.app.gc import remove_old_runs
from dvc_bridge.cli.options import day_count
from dvc_bridge.cli.terminal import report, warn


def declare_gc(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge gc`."""
    command.add_argument(
        "run_names",
        metavar="RUN",
        nargs="*",
        help="remove these runs, whatever their age; default: old ones",
    )
    command.add_argument(
        "--days",
        type=day_count,
        default=7,
        metavar="N",
        help="age in days from which a run is old; default: 7",
    )
    command.add_argument(
        "--dry", action="store_true", help="print what would be removed; remove nothing"
    )
    command.set_defaults(run=gc_command)


def gc_command(args: Namespace) -> int:
    """Remove the data of old runs from the remote; DVC's own objects stay."""
    removal = remove_old_runs(
        args.run_names, days=args.days, dry=args.dry, report=report, warn=warn
    )
    removal.raise_error()
    if not removal.removed:
        print(f"nothing in remote {removal.remote} is older than {args.days} days")
    return 0
