"""Which stages a command means."""

from __future__ import annotations

from argparse import Namespace

from dvc_bridge.planning.targets import Selection


def selection_of(args: Namespace) -> Selection:
    """Return the selected stages, as seen from the current directory."""
    return Selection(
        tuple(args.targets),
        single_item=args.single_item,
        downstream=args.downstream,
        pipeline=args.pipeline,
        all_pipelines=args.all_pipelines,
        glob=args.glob,
        recursive=args.recursive,
    )
