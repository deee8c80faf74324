"""The words of a command that say which stages are meant."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from dvc_bridge.dvcio.project import Project
from dvc_bridge.planning.selection import Selection


def chosen(args: Namespace, project: Project) -> Selection:
    """Give the selection as seen from the current directory."""
    return Selection(
        tuple(args.targets),
        os.path.relpath(Path.cwd().resolve(), project.root),
        args.single_item,
        args.downstream,
        args.all_pipelines,
    )


def alone(args: Namespace) -> bool:
    """Whether the targets stand for themselves."""
    return bool(args.single_item and not args.all_pipelines)
