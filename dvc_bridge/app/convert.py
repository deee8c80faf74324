"""Conversion of stages to a manifest whose code comes from a git revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dvc_bridge.app.current_folder import Warn, from_here
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline, read_settings
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.argo.cron_schedule import find_schedule_problem
from dvc_bridge.engines.argo.engine import ArgoEngine
from dvc_bridge.engines.argo.export import manifest_text
from dvc_bridge.engines.argo.lint import find_name_problem
from dvc_bridge.engines.argo.manifest import ManifestKind
from dvc_bridge.engines.base import task_specs
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import check_url, commit, differing, repository_url
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ids import slug
from dvc_bridge.pipeline.project_settings import FILE
from dvc_bridge.pipeline.ranges import ranges
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.grouping.tasks_from_settings import divide_into_tasks
from dvc_bridge.planning.targets import Selection, select
from dvc_bridge.remote_run.task_plan import positions_for_pods
from dvc_bridge.remote_run.upload import remote_names
from dvc_bridge.remote_run.worker_contract import GitCode
from dvc_bridge.worker.from_git import plan_of

_SHOWN = 5


class ChangedPipelineError(UsageError):
    """The pipeline here is not that of the revision from which pods take the code."""


@dataclass(frozen=True)
class Code:
    """The source of the code for the workers.

    Parameters
    ----------
    revision
        The git revision, resolved in this clone.
    repo
        The URL of the repository; None: the URL of the remote `origin`.
    """

    revision: str = "HEAD"
    repo: str | None = None


def convert(
    selection: Selection,
    *,
    kind: ManifestKind = ManifestKind.WORKFLOW,
    schedule: str | None = None,
    name: str | None = None,
    code: Code = Code(),
    fuse: Fuse = Fuse.CHAINS,
    warn: Warn,
) -> str:
    """Return the manifest as YAML without sending anything or reading a remote.

    Parameters
    ----------
    kind
        The kind of the manifest.
    schedule
        The cron expression of a CronWorkflow.
    name
        The name of the Workflow or template; None: the name of the project's folder.
    fuse
        How stages are grouped into tasks; `Fuse.AUTO` uses how long stages took here.

    Raises
    ------
    UsageError
        Stages cannot run in pods, or they differ from the revision.
    """
    check_version()
    _check_options(kind, schedule, name)
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        pipeline = read_pipeline(project)
        settings = read_settings(project, pipeline)
        store = ArgoEngine.store_settings(session.repo.config, remote_names(pipeline), settings)
    positions = positions_for_pods(
        project, pipeline, select(pipeline, from_here(selection, project))
    )
    plan = plan_of(project, pipeline, positions)
    pods = [settings.pod(pipeline.stages[position].address) for position in positions]
    has_files = any((settings.argo.secret_files, *(pod.pod.secret_files for pod in pods)))
    git_code = _git_code(code, project, pipeline, plan, has_files=has_files, warn=warn)
    seconds = History(project).seconds if fuse is Fuse.AUTO else {}
    costs = ArgoEngine.costs(settings)
    groups = divide_into_tasks(pipeline, positions, settings, seconds, costs, fuse).groups
    references = [f"{group.number}:{ranges(group.positions)}" for group in groups]
    return manifest_text(
        task_specs(pipeline, groups, references),
        name=name or slug(project.root.name),
        store=store,
        code=git_code,
        settings=settings,
        kind=kind,
        schedule=schedule,
    )


def _check_options(kind: ManifestKind, schedule: str | None, name: str | None) -> None:
    if schedule is not None and kind is not ManifestKind.CRON:
        raise UsageError("--schedule is only for --kind CronWorkflow", "add --kind CronWorkflow")
    if kind is ManifestKind.CRON:
        if schedule is None:
            raise UsageError("a CronWorkflow needs a schedule", "--schedule '0 6 * * 1'")
        if problem := find_schedule_problem(schedule):
            raise UsageError(problem, "use five fields: '0 6 * * 1' is every Monday at 6:00")
    if name is not None and (problem := find_name_problem(name, kind)):
        raise UsageError(problem, "choose another --name")


def _git_code(
    code: Code,
    project: Project,
    pipeline: Pipeline,
    plan: Mapping[str, str],
    *,
    has_files: bool,
    warn: Warn,
) -> GitCode:
    sha = commit(project, code.revision)
    base = project.git_root or project.root
    root = project.root.relative_to(base)
    pipeline_files = {(root / file).as_posix() for file in (*pipeline.files, FILE)}
    changed = differing(project, sha)
    if problems := [name for name in changed if name in pipeline_files]:
        raise ChangedPipelineError(
            f"{', '.join(problems)} differ from {code.revision}, from which pods take them",
            "git commit, or name another --revision",
        )
    if changed:
        names = first_names(changed, _SHOWN)
        warn(f"pods take these files as they are in {sha[:12]}: {names}")
    url = code.repo or repository_url(project)
    check_url(url, has_files=has_files)
    return GitCode(url, sha, plan)
