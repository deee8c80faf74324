"""The stages that a command selects, and how they run."""

from __future__ import annotations

from argparse import Namespace

from dvc_bridge.pipeline.run_flags import RunFlags
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


def flags_of(args: Namespace) -> RunFlags:
    """Return how the stages run; `plan` has only the options that change its forecast."""
    given = vars(args)
    return RunFlags(
        jobs=given.get("jobs") or 1,
        keep_going=given.get("keep_going", False),
        ignore_errors=given.get("ignore_errors", False),
        force=args.force,
        force_downstream=args.force_downstream,
        allow_missing=args.allow_missing,
        pull=args.pull,
        run_cache=not args.no_run_cache,
        interactive=given.get("interactive", False),
        commit=not given.get("no_commit", False),
    )
