"""The work of one pod: fetch code and task, decide, run, upload, and store the results last."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.config import Sections, open_bare
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import (
    BridgeError,
    IntegrityError,
    StageFailedError,
    UsageError,
    VersionMismatchError,
)
from dvc_bridge.local.history import History
from dvc_bridge.local.runner import Options, Run
from dvc_bridge.local.tracer import Tracer
from dvc_bridge.pipeline.numbering import RunIndex, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.run_summary import Summary
from dvc_bridge.planning.graph import pipeline_of
from dvc_bridge.remote_run.run_store import Store, scratch_folder
from dvc_bridge.remote_run.task import PlannedTask
from dvc_bridge.remote_run.worker_contract import GitCode, attempt_number, worker_environment
from dvc_bridge.ui.plain_view import PlainView
from dvc_bridge.worker.certificates import ensure_certificates
from dvc_bridge.worker.project_copy import prepare_checkout, unpack_code
from dvc_bridge.worker.recorder import WorkerRecorder


def work(reference: str, variables: Mapping[str, str], folder: Path) -> int:
    """Bring the stages of a task up to date.

    Parameters
    ----------
    reference
        The reference of the task: `<task>:<start>:<length>`, its location in plan.json, or, with
        code from git, `<task>:<stages>`.
    variables
        The environment variables: see `dvc_bridge.remote_run.worker_contract`.
    folder
        An empty folder to work in.

    Returns
    -------
    int
        The exit code: 0, or the exit code of a stage that failed.
    """
    environment = worker_environment(variables)
    ensure_certificates()
    _check_shell(variables)
    if scratch := variables.get("TMPDIR"):
        Path(scratch).mkdir(parents=True, exist_ok=True)
    settings = environment.store
    if isinstance(environment.code, GitCode):
        return _work_from_git(reference, environment.run, environment.code, folder, settings)
    with closing(open_bare(folder / "store", settings)) as repo:
        store = Store(Remote(repo), environment.run)
        planned_task = store.planned_task(reference)
        _check_version(planned_task)
        if _is_done(planned_task, store):
            return 0
        upstream = _upstream_results(planned_task, store)
        code, sha256 = folder / "code", environment.code.sha256
        try:
            project = unpack_code(
                store.code(sha256), sha256, code, planned_task.root, settings, git=planned_task.git
            )
        except IntegrityError:
            store.drop_code(sha256)
            raise
    with _open_project(project) as (lock, session, view):
        return _run(project, planned_task, upstream, environment.run, lock, session, view)


def _work_from_git(
    reference: str, run: str, code: GitCode, folder: Path, settings: Sections
) -> int:
    # Imported late: only these tasks need it.
    from dvc_bridge.git.revision import check_out  # noqa: PLC0415
    from dvc_bridge.worker.from_git import entry_at  # noqa: PLC0415

    check_out(code.repo, code.revision, folder / "code")
    project = prepare_checkout(folder / "code", code.plan["root"], settings)

    def planned_task(session: Session, store: Store) -> PlannedTask:
        return entry_at(project, session, store, code.plan, reference)

    return work_in(project, run, planned_task)


def work_in(project: Project, run: str, find_task: Callable[[Session, Store], PlannedTask]) -> int:
    """Bring the stages of a group up to date in an existing project.

    Parameters
    ----------
    project
        A project in a private folder, which becomes the current directory.
    find_task
        Returns the task of the group.

    Returns
    -------
    int
        The exit code, as for `work`.
    """
    with _open_project(project) as (lock, session, view):
        store = Store(Objects(session, "").default, run)
        planned_task = find_task(session, store)
        _check_version(planned_task)
        if _is_done(planned_task, store):
            return 0
        upstream = _upstream_results(planned_task, store)
        return _run(project, planned_task, upstream, run, lock, session, view)


@contextmanager
def _open_project(project: Project) -> Iterator[tuple[RepositoryLock, Session, PlainView]]:
    os.chdir(project.root)
    view, lock = PlainView(), RepositoryLock(project)
    with lock.held(), Session(project, view.note) as session:
        yield lock, session, view


def _is_done(planned_task: PlannedTask, store: Store) -> bool:
    results = store.results(task.stage for task in planned_task.tasks)
    return all(
        t.stage.address in results and results[t.stage.address].good for t in planned_task.tasks
    )


def _check_shell(variables: Mapping[str, str]) -> None:
    shell = variables.get("SHELL") or "/bin/sh"
    if not os.access(shell, os.X_OK):
        raise UsageError(
            f"{shell}, which runs the commands of stages, is not installed where the task runs",
            "install it in the image, or submit with SHELL=/bin/sh",
        )


def _check_version(planned_task: PlannedTask) -> None:
    if version("dvc") != planned_task.dvc:
        raise VersionMismatchError(
            f"the image has dvc {version('dvc')}, the run was planned with dvc {planned_task.dvc}",
            f"pip install dvc=={planned_task.dvc} in the image, or install the image's"
            " version here",
        )


def _upstream_results(planned_task: PlannedTask, store: Store) -> list[Result]:
    stages = [up.stage for up in planned_task.upstream if up.result is None]
    results = store.results(stages)
    missing = [s.address for s in stages if s.address not in results or not results[s.address].good]
    if failed := [address for address in missing if address in results]:
        raise StageFailedError(f"{', '.join(failed)} failed, and these stages read their outs")
    if missing:
        raise IntegrityError(
            f"no result of {', '.join(missing)} in run {store.run}",
            "dvc-bridge retry produces it again",
        )
    return [up.result or results[up.stage.address] for up in planned_task.upstream]


def _run(
    project: Project,
    planned_task: PlannedTask,
    upstream: list[Result],
    name: str,
    lock: RepositoryLock,
    session: Session,
    view: PlainView,
) -> int:
    stages = [task.stage for task in planned_task.tasks]
    flags = RunFlags(
        jobs=planned_task.jobs,
        force=planned_task.force,
        keep_going=True,  # other tasks may use the results
    )
    mutexes = tuple(frozenset(group) for group in planned_task.mutexes)
    history = History(project)
    objects = Objects(session, scratch_folder(name))
    store = Store(objects.default, name)
    addresses = [stage.address for stage in stages]
    tracer = Tracer(addresses, {}, attempt=attempt_number(os.environ))
    recorder = WorkerRecorder(project, session, planned_task, upstream, objects, store, tracer)
    pipeline = pipeline_of(stages)
    order = pipeline.positions
    options = Options(flags, mutexes=mutexes)
    run = Run(
        project,
        pipeline,
        order,
        options,
        view,
        lock,
        session,
        recorder,
        journal=history,
        tracer=tracer,
    )
    summary = run.run()
    for index, task in numbered(RunIndex, planned_task.tasks):
        error = summary.errors.get(task.stage.address)
        # An engine may stop a worker and its commands at once: these commands did not fail.
        if error and not summary.interrupted:
            message = error.message if isinstance(error, StageFailedError) else str(error)
            execution = replace(tracer.execution(index), reason=recorder.reason(index))
            failed = Result(
                task.stage.address, Outcome.FAILED, message=message, execution=execution
            )
            store.put_result(task.stage, failed)
    return _exit_code(summary)


def _exit_code(summary: Summary) -> int:
    if summary.interrupted:
        return 128 + summary.interrupted
    worst: BridgeError | None = None
    for error in summary.errors.values():
        # A fault of the storage is worth a retry, unless a command failed too.
        if worst is None or isinstance(error, StageFailedError):
            worst = error
    return worst.exit_code if worst else 0
