"""`dvc-bridge convert`: the manifest as text, with the code from git at a revision."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from dvc_bridge.app.remote_run import warn
from dvc_bridge.app.selection import chosen
from dvc_bridge.cli.sending import checked
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.argo.manifest import Kind, RunSpec, manifest, slug, text
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import check_url, commit, differing, repository_url
from dvc_bridge.local.history import Journal
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ranges import ranges
from dvc_bridge.pipeline.settings import FILE, ArgoSettings
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.grouping.group_stages import divided
from dvc_bridge.planning.selection import select
from dvc_bridge.remote_run.task_plan import all_for_pods
from dvc_bridge.remote_run.upload import settings_for_pods
from dvc_bridge.worker.from_git import plan_of

_SHOWN = 5


def convert(args: Namespace) -> int:
    """Write the manifest; nothing is sent, and no remote is asked."""
    check_version()
    kind = Kind(args.kind)
    if (kind is Kind.CRON) != bool(args.schedule):
        raise UsageError("--schedule belongs to --kind CronWorkflow", "such as '0 6 * * 1'")
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        pipeline = read_pipeline(project)
        settings = read_settings(project, pipeline)
        store = settings_for_pods(pipeline, session.repo.config, settings.argo)
    positions = all_for_pods(project, pipeline, select(pipeline, chosen(args, project)))
    code = _code(args, project, pipeline, settings.argo)
    code["DVC_BRIDGE_PLAN"] = json.dumps(plan_of(project, pipeline, positions), sort_keys=True)
    seconds = Journal(project).seconds if args.fuse == Fuse.AUTO.value else {}
    division = divided(pipeline, positions, settings, seconds, Fuse(args.fuse))
    spec = RunSpec(
        name=args.name or slug(project.root.name),
        store=json.dumps(store, sort_keys=True),
        code=code,
        argo=settings.argo,
        own_run=True,
        kind=kind,
        schedule=args.schedule,
        addresses=[[pipeline.stages[p].address for p in g.positions] for g in division.groups],
    )
    made = manifest(
        division.groups, [f"{g.number}:{ranges(g.positions)}" for g in division.groups], spec
    )
    first, *later = checked(made)
    # Templates first: who takes the text from above has them when the first part begins.
    _write("---\n".join(map(text, (*later, first))), args.output)
    return 0


def _code(
    args: Namespace, project: Project, pipeline: Pipeline, argo: ArgoSettings
) -> dict[str, str]:
    sha = commit(project, args.revision)
    base = project.git_root or project.root
    inside = project.root.relative_to(base)
    planned = {(inside / file).as_posix() for file in (*pipeline.files, FILE)}
    other = differing(project, sha)
    if unlike := [name for name in other if name in planned]:
        raise UsageError(
            f"{', '.join(unlike)}: not as in {args.revision}, from which pods take it",
            "git commit, or name another --revision",
        )
    if other:
        more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
        warn(f"pods take these as they are in {sha[:12]}: {', '.join(other[:_SHOWN])}{more}")
    url = args.repo or repository_url(project)
    check_url(url, has_files=bool(argo.secret_files))
    return {"DVC_BRIDGE_REPO": url, "DVC_BRIDGE_REVISION": sha}


def _write(made: str, output: str | None) -> None:
    if output is None or output == "-":
        sys.stdout.write(made)
        return
    path = Path(output)
    try:
        write_whole(path, made, path.parent)
    except OSError as exc:
        raise UsageError(f"{output} cannot be written: {exc.strerror}") from exc
    print(f"wrote {output}", file=sys.stderr)
