"""Run a task of a generated flow as a worker of its run, in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

from metaflow import current

from dvc_bridge.dvcio.project import Project, config_as_dvc, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.remotes.config import store_settings
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import StageFailedError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.forecast import Forecast, Verdict
from dvc_bridge.remote_run.remote_state import RemoteState
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.task import PlannedTask
from dvc_bridge.remote_run.task_plan import plan_tasks
from dvc_bridge.remote_run.upload import cached_outs, remote_names
from dvc_bridge.worker.main import work_in
from dvc_bridge.worker.project_copy import copied

from .flow_run_plan import check_shape
from .levels_run import LevelsRun
from .package import packed, project_folder


def bring(run: LevelsRun, reference: str) -> None:
    """Bring the stages of one group up to date.

    Raises
    ------
    StageFailedError
        One of them has failed.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        # Otherwise DVC would keep data about this temporary folder forever.
        os.environ["DVC_SITE_CACHE_DIR"] = str(folder / "site")
        project, group = _open_project(run, folder), _Group(run, reference)
        with chdir(folder):
            code = work_in(project, run["run"], group.entry)
        group.check(code)


def _open_project(run: LevelsRun, folder: Path) -> Project:
    """Return a project with the code, from the code package or copied from the project here."""
    root = Path(run["root"])
    if packed():
        return find_project(project_folder(root))
    source = find_project(project_folder(root))
    pipeline = read_pipeline(source)
    settings = store_settings(config_as_dvc(source.root), remote_names(pipeline))
    return copied(source, cached_outs(pipeline), folder / "code", settings)


class _Group:
    """One group: its entry in the plan and, at the end, the results of its stages."""

    def __init__(self, run: LevelsRun, reference: str) -> None:
        self._run, self._reference = run, reference
        self._stages: list[Stage] = []
        self._store: Store | None = None

    def entry(self, session: Session, store: Store) -> PlannedTask:
        """Return the entry of the plan; a resumed run plans it again for the current code.

        Raises
        ------
        StageFailedError
            The task is a retry, and its stage has failed: the command does not run again.
        """
        planned = store.planned_task(self._reference)
        self._store, self._stages = store, [task.stage for task in planned.tasks]
        if current.retry_count:
            self._check_failed()
        if not current.origin_run_id:
            return planned
        return self._plan_again(planned, session, store)

    def check(self, code: int) -> None:
        """Check that the worker has succeeded.

        Raises
        ------
        StageFailedError
            A stage has failed.
        """
        if code:
            self._check_failed()
            raise StageFailedError(f"the worker ended with code {code}", "see the task's log above")

    def _check_failed(self) -> None:
        if self._store is None:
            return
        results = self._store.results(self._stages).values()
        failed = [f"{r.address}: {r.message}" for r in results if r.outcome is Outcome.FAILED]
        if failed:
            raise StageFailedError("\n".join(failed), "fix the stage, then resume the run")

    def _plan_again(self, planned: PlannedTask, session: Session, store: Store) -> PlannedTask:
        project = session.project
        pipeline = read_pipeline(project)
        check_shape(pipeline, self._run["shape"])
        addresses = {stage.address for stage in self._stages}
        positions = [p for p in pipeline.positions if pipeline.stages[p].address in addresses]
        results = {**store.known(), **store.results(pipeline.stages)}
        done = {a: r for a, r in results.items() if r.good and a not in addresses}
        waiting = tuple(Forecast(p, pipeline.stages[p], Verdict.MAY_RUN) for p in positions)
        (entry,) = plan_tasks(
            pipeline,
            Settled(done, waiting, ()),
            [positions],
            RemoteState(Workspace(project), Objects(session, ""), pipeline),
            root=planned.root,
            git=planned.git,
            force=planned.force,
            jobs=[planned.jobs],
            mutexes=[],
        )
        return replace(entry, number=planned.number, mutexes=planned.mutexes)
