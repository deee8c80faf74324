"""`dvc-bridge report`: what a run did, as a page, as Markdown and as JSON."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace

from dvc_bridge.app.report import run_report, trace_report, with_prices
from dvc_bridge.cli.terminal import warn
from dvc_bridge.dvcio.output_file import write_output
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.trace import plain_trace
from dvc_bridge.report.values import RunReport


def declare_report(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge report`."""
    command.add_argument(
        "runs",
        metavar="RUN",
        nargs="*",
        help="name of the run, or a Metaflow run as TrainFlow/123; default: the last run of this"
        " project; two runs: what differs between them",
    )
    command.add_argument(
        "--run", dest="pathspec", metavar="PATHSPEC", help="older form of the argument RUN"
    )
    command.add_argument(
        "--base",
        metavar="REV",
        help="git revision to compare metrics and params with; default: HEAD",
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="Markdown, for a pull request")
    form.add_argument("--json", action="store_true", help="the trace of the run as JSON")
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.set_defaults(run=report_command)


def report_command(args: Namespace) -> int:
    """Write the report of a run, or the differences of two, to a file or to standard output."""
    runs = [args.pathspec] if args.pathspec else args.runs
    if len(runs) > 2:
        raise UsageError("report takes one or two runs", "dvc-bridge report RUN1 RUN2")
    if args.json and len(runs) > 1:
        raise UsageError("--json is for one run", "leave out --json, or the second run")
    reports = [_report(run, args) for run in (runs or [None])]
    text = _text(reports, args)
    if args.output is None or args.output == "-":
        sys.stdout.write(text)
    else:
        write_output(args.output, text)
        print(f"{' and '.join(report.pathspec for report in reports)} is in {args.output}")
    return 0


def _report(run: str | None, args: Namespace) -> RunReport:
    if run is not None and "/" in run:  # a Metaflow pathspec
        if args.base is not None:
            raise UsageError(
                "--base is for runs of dvc-bridge; a Metaflow run is compared with an earlier one",
                "leave out --base",
            )
        from dvc_bridge.metaflow.report import report  # noqa: PLC0415  it needs Metaflow

        return with_prices(report(run, warn=warn))
    return trace_report(run) if args.json else run_report(run, args.base)


def _text(reports: list[RunReport], args: Namespace) -> str:
    if args.json:
        from dvc_bridge.report.cost import cost_of, plain_cost  # noqa: PLC0415  as below

        plain = reports[0].trace and plain_trace(reports[0].trace)
        cost = cost_of(reports[0].trace, reports[0].prices)
        if plain and cost:
            plain["cost"] = plain_cost(cost)
        return json.dumps(plain, indent=1, ensure_ascii=False, default=str) + "\n"
    # Imported late: --json needs none of them.
    if len(reports) > 1:
        from dvc_bridge.report.comparison import (  # noqa: PLC0415
            comparison_markdown,
            comparison_page,
        )

        return (comparison_markdown if args.markdown else comparison_page)(*reports)
    if args.markdown:
        from dvc_bridge.report.markdown import markdown  # noqa: PLC0415

        return markdown(reports[0])
    from dvc_bridge.report.page import page  # noqa: PLC0415

    return page(reports[0])
