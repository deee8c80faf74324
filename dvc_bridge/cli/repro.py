"""`dvc-bridge repro`."""

from __future__ import annotations

from argparse import Namespace

from dvc_bridge.dvcio.read import Selection
from dvc_bridge.errors import StageFailedError
from dvc_bridge.run.local import Options
from dvc_bridge.run.local import repro as run


def repro(args: Namespace) -> int:
    """Run the selected stages here."""
    selection = Selection(
        tuple(args.targets), args.single_item, args.downstream, args.all_pipelines
    )
    summary = run(selection, Options(args.jobs, args.keep_going, args.force))
    print(summary)
    if summary.failed:
        raise StageFailedError("; ".join(f"{k}: {v}" for k, v in summary.failed.items()))
    return 0
