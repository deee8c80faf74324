"""`dvc-bridge submit`, `collect` and `retry`: commands for remote runs."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

from dvc_bridge.app.collect import collect
from dvc_bridge.app.run_end import RunEnd
from dvc_bridge.app.submit import Submitted, ViewFor, resume, submit
from dvc_bridge.cli.follow import STANDARD_OUTPUT, events_to
from dvc_bridge.cli.options import add_engine, add_follow, add_fuse, add_run, add_stages, add_wait
from dvc_bridge.cli.refusals import OF_SUBMIT, add_refusals
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import report, warn, watch_of
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.fuse import Fuse


def declare_submit(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge submit`."""
    add_stages(command)
    add_wait(command)
    add_follow(command)
    add_engine(command)
    add_fuse(command, None, "default: the one in dvc-bridge.yaml, or auto")
    add_refusals(command, OF_SUBMIT)
    command.set_defaults(run=submit_command)


def declare_collect(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge collect`."""
    add_run(command)
    command.add_argument(
        "--no-checkout", action="store_true", help="update dvc.lock only, without outs"
    )
    command.set_defaults(run=collect_command)


def declare_retry(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge retry`."""
    add_run(command)
    add_wait(command)
    add_follow(command)
    add_engine(command)
    command.set_defaults(run=retry_command)


def submit_command(args: Namespace) -> int:
    """Run the selected stages as tasks; with --wait, watch them and merge their results."""
    with _watch(args) as (watch, out):
        submitted = submit(
            selection_of(args),
            engine=args.engine,
            force=args.force,
            fuse=Fuse(args.fuse) if args.fuse else None,
            watch=watch,
            report=partial(report, file=out),
            warn=warn,
        )
    args.began = submitted.run
    if not submitted.run:
        print(f"no stage needs a task; {submitted.restored} from the run cache", file=out)
        return 0
    return _report(submitted, out)


def retry_command(args: Namespace) -> int:
    """Run the unfinished tasks of a run again; with --wait, merge its results too."""
    with _watch(args) as (watch, out):
        submitted = resume(
            args.run_name,
            engine=args.engine,
            watch=watch,
            report=partial(report, file=out),
            warn=warn,
        )
    args.began = submitted.run
    return _report(submitted, out)


@contextmanager
def _watch(args: Namespace) -> Iterator[tuple[ViewFor | None, TextIO]]:
    """Yield what makes the view of the run, and where the other text goes.

    Raises
    ------
    UsageError
        Events are requested of a run that the command does not wait for.
    """
    out = sys.stderr if args.events == STANDARD_OUTPUT else sys.stdout
    watch = watch_of(args)
    if watch is None:
        if args.events is not None:
            raise UsageError("--events needs --wait", "add --wait")
        yield None, out
        return
    with events_to(args, "task") as with_events:
        yield lambda jobs: with_events(lambda: watch(jobs)), out


def collect_command(args: Namespace) -> int:
    """Merge the results of a run so far into dvc.lock and the workspace."""
    end = collect(args.run_name, checkout=not args.no_checkout, warn=warn)
    return _report_end(end, sys.stdout)


def _report(submitted: Submitted, out: TextIO) -> int:
    if submitted.end is None:
        print(f"next: dvc-bridge collect {submitted.run}", file=out)
        return 0
    return _report_end(submitted.end, out)


def _report_end(end: RunEnd, out: TextIO) -> int:
    print(end, file=out)
    end.raise_error()
    text = "dvc.lock and the workspace match what `dvc repro` would have produced"
    print(text, file=sys.stderr)
    return 0
