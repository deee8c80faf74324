"""`dvc-bridge flow` and `sync`: commands for Metaflow runs of a dvc.yaml.

Metaflow is imported late: `--help` works without it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dvc_bridge.cli.options import add_stages
from dvc_bridge.cli.refusals import OF_FLOW, add_refusals
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.fuse import Fuse

if TYPE_CHECKING:
    from dvc_bridge.metaflow.flow_file import FlowRequest


def declare_flow(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge flow`."""
    add_stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--check", action="store_true", help="write nothing; check that FILE is what dvc.yaml gives"
    )
    command.add_argument(
        "--name", help="name of the flow; default: made from the name of the project's folder"
    )
    command.add_argument(
        "--fuse",
        choices=("none", "chains"),
        default="chains",
        help="how stages are grouped into tasks; default: chains",
    )
    add_refusals(command, OF_FLOW)
    command.set_defaults(run=flow_command)


def declare_sync(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge sync`."""
    command.add_argument("pathspec", metavar="PATHSPEC", help="run, as TrainFlow/123")
    command.add_argument(
        "--partial",
        action="store_true",
        help="merge each finished stage that has the cmd, deps and params of the stage here, even"
        " if the run failed, goes on, or has another revision",
    )
    command.set_defaults(run=sync_command)


def flow_command(args: Namespace) -> int:
    """Write the flow, or with --check compare it."""
    from dvc_bridge.metaflow.flow_file import check_flow, flow, write_flow  # noqa: PLC0415  see above

    if args.check:
        if args.output is None:
            raise UsageError("--check needs the flow's file", "dvc-bridge flow -o FILE --check")
        check_flow(args.output, _request_of)
        print(f"{args.output} is what dvc.yaml gives", file=sys.stderr)
        return 0
    request = _request(args)
    if args.output is None:
        sys.stdout.write(flow(request))
        return 0
    write_flow(request, args.output)
    print(f"wrote {args.output}; next: python {args.output} run", file=sys.stderr)
    return 0


def sync_command(args: Namespace) -> int:
    """Merge the results of a Metaflow run into dvc.lock and the workspace."""
    from dvc_bridge.metaflow.sync import sync  # noqa: PLC0415  see above

    print(sync(args.pathspec, partial=args.partial, warn=warn))
    return 0


def _request(args: Namespace) -> FlowRequest:
    from dvc_bridge.metaflow.flow_file import FlowRequest  # noqa: PLC0415  see above

    return FlowRequest(selection_of(args), args.output, args.name, Fuse(args.fuse))


def _request_of(argv: list[str]) -> FlowRequest:
    from dvc_bridge.cli.parser import parser  # noqa: PLC0415  only --check reads arguments again

    return _request(parser().parse_args(argv))
