"""Conversion of stages to a manifest or a script whose code comes from a git revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.app.current_folder import Warn, from_here
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.argo.cron_schedule import find_schedule_problem
from dvc_bridge.engines.argo.engine import ArgoEngine
from dvc_bridge.engines.argo.export import manifest_text
from dvc_bridge.engines.argo.lint import find_name_problem
from dvc_bridge.engines.argo.manifest import ManifestKind
from dvc_bridge.engines.base import Engine, TaskSpec, task_specs
from dvc_bridge.engines.slurm.engine import SlurmEngine
from dvc_bridge.engines.slurm.export import submission_script
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import (
    check_no_credentials,
    check_url,
    commit,
    differing,
    repository_url,
)
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.ids import slug
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.ranges import ranges
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.grouping.tasks_from_settings import divide_into_tasks
from dvc_bridge.planning.targets import Selection, select
from dvc_bridge.remote_run.settle import positions_for_pods
from dvc_bridge.remote_run.upload import remote_names
from dvc_bridge.remote_run.worker_contract import GitCode, WorkerEnvironment
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
    converted = _convert(ArgoEngine, selection, code, fuse, _check_url_of_pods, warn)
    return manifest_text(
        converted.tasks,
        name=name or converted.name,
        store=converted.store,
        code=converted.code,
        settings=converted.settings,
        kind=kind,
        schedule=schedule,
    )


def convert_to_slurm(
    selection: Selection,
    *,
    name: str | None = None,
    code: Code = Code(),
    fuse: Fuse = Fuse.CHAINS,
    warn: Warn,
) -> str:
    """Return a script that submits the stages as SLURM jobs; the parameters are as in `convert`.

    Raises
    ------
    UsageError
        Stages cannot run as tasks, they differ from the revision, or the name is not a word.
    """
    check_version()
    if name is not None and name != slug(name):
        raise UsageError(f"{name!r} is not a name for runs", f"--name {slug(name)}")
    # Jobs run as the user, with the user's keys, and see the same files.
    converted = _convert(
        SlurmEngine, selection, code, fuse, lambda url, *_: check_no_credentials(url), warn
    )
    environment = WorkerEnvironment("", converted.store, converted.code)
    return submission_script(
        converted.tasks,
        name=name or converted.name,
        variables=environment.variables(),
        settings=converted.settings,
    )


@dataclass(frozen=True)
class _Converted:
    """What a manifest or a script is made of."""

    tasks: Sequence[TaskSpec]
    name: str
    store: Sections
    code: GitCode
    settings: Settings


def _convert(
    engine: type[Engine],
    selection: Selection,
    code: Code,
    fuse: Fuse,
    check: Callable[[str, Settings, Sequence[Resources]], None],
    warn: Warn,
) -> _Converted:
    """Read and group the stages; `check` refuses a URL that workers cannot use."""
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        pipeline = read_pipeline(project)
        settings = read_settings(project, pipeline)
        store = engine.store_settings(session.repo.config, remote_names(pipeline), settings)
    positions = positions_for_pods(
        project, pipeline, select(pipeline, from_here(selection, project))
    )
    plan = plan_of(project, pipeline, positions)
    pods = [settings.pod(pipeline.stages[position].address) for position in positions]
    git_code = _git_code(
        code, project, pipeline, plan, check=lambda url: check(url, settings, pods), warn=warn
    )
    seconds = History(project).seconds if fuse is Fuse.AUTO else {}
    costs = engine.costs(settings)
    seen = History(project).memory.seen if any(pod.auto_memory for pod in pods) else {}
    groups = divide_into_tasks(
        pipeline, positions, settings, seconds, costs, fuse, seen=seen
    ).groups
    references = [f"{group.number}:{ranges(group.positions)}" for group in groups]
    tasks = task_specs(pipeline, groups, references)
    return _Converted(tasks, slug(project.root.name), store, git_code, settings)


def _check_url_of_pods(url: str, settings: Settings, pods: Sequence[Resources]) -> None:
    has_files = any((settings.argo.secret_files, *(pod.pod.secret_files for pod in pods)))
    check_url(url, has_files=has_files)


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
    check: Callable[[str], None],
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
    check(url)
    return GitCode(url, sha, plan)
