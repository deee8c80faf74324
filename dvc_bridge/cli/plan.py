"""`dvc-bridge plan`, and `repro --dry`, which is the same."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from dvc_bridge.app.selection import alone, chosen
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.recording.run_cache import any_run, ask_dvc, newest_run
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.local.history import Journal
from dvc_bridge.planning.critical_path import timeline
from dvc_bridge.planning.forecast import Sources, forecast
from dvc_bridge.planning.grouping.group_stages import backwards, divided, in_pods
from dvc_bridge.planning.selection import files_of, select
from dvc_bridge.ui.plan_text import plan_json, plan_text


def plan(args: Namespace) -> int:
    """Print what a run would do; nothing is changed."""
    check_version()
    project = find_project()
    with RepositoryLock(project).held(), Session(project, _warn) as session:
        selection = chosen(args, project)
        pipeline = read_pipeline(project, files_of(selection))
        settings = read_settings(project, pipeline)
        order = select(pipeline, selection)
        workspace = Workspace(project)
        sources = Sources(
            workspace,
            lambda key: newest_run(project, key),
            lambda: any_run(project),
            lambda stage: ask_dvc(session, stage),
            workspace.lost,
        )
        forecasts = forecast(pipeline, order, sources, force=args.force, alone=alone(args))
        workspace.hashes.save()
    seconds = Journal(project).seconds
    line = timeline(forecasts, seconds)
    division, running = None, in_pods(forecasts)
    # Without an image nobody wants to know.
    if settings.argo.image and not backwards(pipeline, running):
        division = divided(pipeline, running, settings, seconds)
    if args.json:
        print(json.dumps(plan_json(forecasts, line, division), indent=2, ensure_ascii=False))
    else:
        print(plan_text(forecasts, line, division, every=args.verbose))
    return 0


def _warn(text: str) -> None:
    print(f"dvc-bridge: {text}", file=sys.stderr)
