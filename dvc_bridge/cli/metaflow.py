"""`dvc-bridge flow` and `sync`: commands for Metaflow runs of a dvc.yaml."""

from __future__ import annotations

import sys
from argparse import Namespace

from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.errors import UsageError
from dvc_bridge.metaflow.flow_file import FlowRequest, check_flow, flow, write_flow
from dvc_bridge.metaflow.sync import sync
from dvc_bridge.pipeline.fuse import Fuse


def flow_command(args: Namespace) -> int:
    """Write the flow, or with --check compare it."""
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
    print(sync(args.pathspec, partial=args.partial, warn=warn))
    return 0


def _request(args: Namespace) -> FlowRequest:
    return FlowRequest(selection_of(args), args.output, args.name, Fuse(args.fuse))


def _request_of(argv: list[str]) -> FlowRequest:
    from dvc_bridge.cli.parser import parser  # noqa: PLC0415  only --check reads arguments again

    return _request(parser().parse_args(argv))
