"""`dvc-bridge submit`, `collect` and `retry`: commands for remote runs."""

from __future__ import annotations

import sys
from argparse import Namespace

from dvc_bridge.app.collect import collect
from dvc_bridge.app.run_end import RunEnd
from dvc_bridge.app.submit import Submitted, resume, submit
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import report, warn, watch_of
from dvc_bridge.pipeline.fuse import Fuse


def submit_command(args: Namespace) -> int:
    """Run the selected stages as tasks; with --wait, watch them and merge their results."""
    submitted = submit(
        selection_of(args),
        engine=args.engine,
        force=args.force,
        fuse=Fuse(args.fuse) if args.fuse else None,
        watch=watch_of(args),
        report=report,
        warn=warn,
    )
    if not submitted.run:
        print(f"no stage needs a task; {submitted.restored} from the run cache")
        return 0
    return _report(submitted)


def retry_command(args: Namespace) -> int:
    """Run the unfinished tasks of a run again; with --wait, merge its results too."""
    return _report(
        resume(args.run_name, engine=args.engine, watch=watch_of(args), report=report, warn=warn)
    )


def collect_command(args: Namespace) -> int:
    """Merge the results of a run so far into dvc.lock and the workspace."""
    return _report_end(collect(args.run_name, checkout=not args.no_checkout, warn=warn))


def _report(submitted: Submitted) -> int:
    if submitted.end is None:
        print(f"next: dvc-bridge collect {submitted.run}")
        return 0
    return _report_end(submitted.end)


def _report_end(end: RunEnd) -> int:
    print(end)
    end.raise_error()
    text = "dvc.lock and the workspace match what `dvc repro` would have produced"
    print(text, file=sys.stderr)
    return 0
