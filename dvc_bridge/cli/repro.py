"""`dvc-bridge repro`."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from dvc_bridge.dvcio.claim import RepositoryLock
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.read import read_pipeline
from dvc_bridge.errors import StageFailedError, StoppedError
from dvc_bridge.plan.targets import Selection, select
from dvc_bridge.run.local import Options
from dvc_bridge.run.local import repro as run
from dvc_bridge.run.outcome import Outcome
from dvc_bridge.run.view import PlainView


def repro(args: Namespace) -> int:
    """Run the selected stages here."""
    project = find_project()
    selection = Selection(
        tuple(args.targets),
        os.path.relpath(Path.cwd(), project.root),
        args.single_item,
        args.downstream,
        args.all_pipelines,
    )
    lock = RepositoryLock(project)
    with lock.held():
        pipeline = read_pipeline(project)
        order = select(pipeline, selection)
        alone = args.single_item and not args.all_pipelines
        options = Options(args.jobs, args.keep_going, args.force, alone)
        summary = run(project, pipeline, order, options, PlainView(), lock)
    print(summary)
    if summary.interrupted:
        raise StoppedError(summary.interrupted)
    if failed := summary.of(Outcome.FAILED):
        raise StageFailedError("\n".join(f"{a}: {summary.reasons[a]}" for a in failed))
    return 0
