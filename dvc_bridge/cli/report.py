"""`dvc-bridge report`: a Metaflow run as a page; the card of the run is the same page."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from dvc_bridge.cli.sync import metaflow_client
from dvc_bridge.dvcio.files import write_whole
from dvc_bridge.errors import UsageError
from dvc_bridge.render.report import page


def report(args: Namespace) -> int:
    """Write the page to a file or to standard output."""
    client = metaflow_client()
    from dvc_bridge.metaflow.page import content_told, reader, report_of  # noqa: PLC0415  as above

    run = client.find_run(args.pathspec)
    ended = client.read_run(run)
    if ended.told is None:
        raise UsageError(f"no task of {run.pathspec} with @dvc_stage has finished", "wait for one")
    text = page(report_of(run, ended, content_told(ended.told, reader(ended.told))))
    if args.output:
        target = Path(args.output)
        write_whole(target, text, target.parent)
        print(f"{args.pathspec} is in {args.output}")
    else:
        sys.stdout.write(text)
    return 0
