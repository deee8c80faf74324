"""`dvc-bridge gc`: remove old runs and snapshots from the remote."""

from __future__ import annotations

from argparse import Namespace

from dvc_bridge.app.gc import remove_old_runs
from dvc_bridge.cli.terminal import report, warn


def gc_command(args: Namespace) -> int:
    """Remove the data of old runs from the remote; DVC's own objects stay."""
    removal = remove_old_runs(
        args.run_names, days=args.days, dry=args.dry, report=report, warn=warn
    )
    removal.raise_error()
    if not removal.removed:
        print(f"nothing in remote {removal.remote} is older than {args.days} days")
    return 0
