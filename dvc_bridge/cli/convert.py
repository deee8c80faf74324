"""`dvc-bridge convert`: write a manifest whose code comes from a git revision."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from dvc_bridge.app.convert import Code, convert
from dvc_bridge.cli.stage_arguments import selection_of
from dvc_bridge.cli.terminal import warn
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.engines.argo.manifest import ManifestKind
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.fuse import Fuse


def convert_command(args: Namespace) -> int:
    """Write the manifest to a file or to standard output."""
    manifest = convert(
        selection_of(args),
        kind=ManifestKind(args.kind),
        schedule=args.schedule,
        name=args.name,
        code=Code(args.revision, args.repo),
        fuse=Fuse(args.fuse),
        warn=warn,
    )
    if args.output is None or args.output == "-":
        sys.stdout.write(manifest)
        return 0
    path = Path(args.output)
    try:
        write_whole(path, manifest, path.parent)
    except OSError as exc:
        raise UsageError(f"cannot write {args.output}: {exc.strerror}") from exc
    print(f"wrote {args.output}", file=sys.stderr)
    return 0
