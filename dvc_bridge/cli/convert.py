"""`dvc-bridge convert`: write a manifest or a script whose code comes from a git revision."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from dvc_bridge.app.check_manifest import check_manifest
from dvc_bridge.app.convert import Code, convert, convert_to_slurm
from dvc_bridge.cli.options import add_fuse, add_stages
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.dvcio.output_file import write_output
from dvc_bridge.engines.argo.manifest import ManifestKind
from dvc_bridge.errors import DifferenceError, UsageError
from dvc_bridge.pipeline.fuse import Fuse

# The kind of the script; the others are those of `ManifestKind`.
SLURM = "slurm"


def declare_convert(command: ArgumentParser) -> None:
    """Declare the arguments of `dvc-bridge convert`."""
    add_stages(command, force=False)
    command.add_argument("-o", "--output", metavar="FILE", help="default: standard output")
    command.add_argument(
        "--check",
        action="store_true",
        help="write nothing; check that FILE is what the pipeline converts to",
    )
    command.add_argument(
        "--kind",
        choices=("Workflow", "WorkflowTemplate", "CronWorkflow", "slurm"),
        default="Workflow",
        help="a manifest of Argo, or a script that submits SLURM jobs; default: Workflow",
    )
    command.add_argument(
        "--schedule", metavar="CRON", help="schedule of a CronWorkflow, as '0 6 * * 1'"
    )
    command.add_argument(
        "--name", help="name of the Workflow or of the runs; default: name of the project's folder"
    )
    command.add_argument(
        "--revision",
        default="HEAD",
        metavar="REV",
        help="git revision of the code in the tasks; default: HEAD",
    )
    command.add_argument(
        "--repo",
        metavar="URL",
        help="URL of the code's repository; default: URL of the remote origin",
    )
    add_fuse(command, "chains", "default: chains; auto uses how long stages took here")
    command.set_defaults(run=convert_command)


def convert_command(args: Namespace) -> int:
    """Write the text to a file or to standard output, or with --check compare it."""

    def make(code: Code) -> str:
        return _text(args, code)

    if args.check:
        return _check(args.output, make)
    text = make(Code(args.revision, args.repo))
    if args.output is None or args.output == "-":
        sys.stdout.write(text)
        return 0
    write_output(args.output, text)
    print(f"wrote {args.output}", file=sys.stderr)
    return 0


def _check(output: str | None, make: Callable[[Code], str]) -> int:
    if output is None:
        raise UsageError(
            "--check needs the manifest's file", "dvc-bridge convert --output FILE --check"
        )
    checked = check_manifest(output, make)
    if checked.why:
        raise DifferenceError(
            "\n".join((f"{output} has drifted: {checked.why}", *checked.difference)),
            f"dvc-bridge convert --output {output}, with the same options",
        )
    print(f"{output} is what the pipeline converts to", file=sys.stderr)
    return 0


def _text(args: Namespace, code: Code) -> str:
    selection, fuse = selection_of(args), Fuse(args.fuse)
    if args.kind == SLURM:
        if args.schedule is not None:
            raise UsageError("--schedule is only for --kind CronWorkflow", "use scrontab or cron")
        return convert_to_slurm(selection, name=args.name, code=code, fuse=fuse, warn=warn)
    return convert(
        selection,
        kind=ManifestKind(args.kind),
        schedule=args.schedule,
        name=args.name,
        code=code,
        fuse=fuse,
        warn=warn,
    )
