"""A step in a pod: what `@dvc_stage` does where there is no project, no cache and no dvc.lock.

The stage is brought up to date as a worker of `dvc-bridge submit` does it: decided without data,
its inputs brought from the DVC remote, its outs, run-cache entry and result sent there. Only the
command is the step's own Python.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path

from metaflow import current

from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Pipeline, Stage
from dvc_bridge.planning.forecast import Forecast, Verdict
from dvc_bridge.remote_run.run_store import Store, scratch_folder
from dvc_bridge.remote_run.task_plan import RemoteState, Settled, plan_tasks
from dvc_bridge.ui.view import PlainView
from dvc_bridge.worker.recorder import WorkerRecorder

from .objects import find, hash_file, read_file
from .package import project_folder
from .run_artifact import DvcRun, no_such_out, result_in

# DVC works in the project's folder; what the user has written does not.
_started_in = Path.cwd()


@dataclass(frozen=True)
class Opened:
    """The project in the pod, with DVC's session on it."""

    project: Project
    pipeline: Pipeline
    session: Session
    lock: RepositoryLock


@contextmanager
def opened(root: Path, replaced: Mapping[str, str] | None = None) -> Iterator[Opened]:
    """Open a flow's project, in a pod that of the code package.

    DVC works in the project's folder; the step's body does not (`PodStage.outside`).

    Parameters
    ----------
    replaced
        Files of the root, and what is to stand in them: only where the folder is the pod's own.
    """
    folder = project_folder(root)
    for name, text in (replaced or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    project = find_project(folder)
    lock = RepositoryLock(project)
    with chdir(project.root), lock.held(), Session(project, PlainView().note) as session:
        yield Opened(project, read_pipeline(project), session, lock)


class PodStage:
    """One stage in a pod.

    Parameters
    ----------
    name
        Of a stage in `run`.

    Raises
    ------
    UsageError
        A stage before it has not run, or its data is not in the remote.
    """

    def __init__(self, here: Opened, run: DvcRun, name: str, *, force: bool) -> None:
        self._here, self._force = here, force
        (position,) = (p for p, s in enumerate(here.pipeline.stages) if s.address == name)
        self._stage = here.pipeline.stages[position]
        results = {made: result_in(run, made) for made in run["results"]}
        for up in here.pipeline.upstream[position]:
            _check_done(self._stage, here.pipeline.stages[up], run)
        objects = Objects(here.session, scratch_folder(_remote_run(run)))
        (entry,) = plan_tasks(
            here.pipeline,
            Settled(results, (Forecast(position, self._stage, Verdict.MAY_RUN),), ()),
            [[position]],
            RemoteState(Workspace(here.project), objects, here.pipeline),
            root=".",
            git=here.project.git_root is not None,
            force=force,
            jobs=[1],
            mutexes=[],
        )
        before = [up.result for up in entry.upstream if up.result]
        store = Store(objects.default, _remote_run(run))
        self._journal = History(here.project)
        self._books = WorkerRecorder(
            here.project, here.session, entry, before, objects, store, self._journal
        )

    def settle(self) -> Result | None:
        """Do all that can be done without the step's body; None: it must run, its deps are here."""
        known = self._books.settle(0, self._stage, force=self._force)
        return None if known is None else self._books.last

    def record(self, seconds: float) -> Result:
        """Send what the body has left, which took so long."""
        self._journal.took(self._stage.address, seconds)
        self._books.record(0, self._stage, finish=True)
        return self._books.last

    @contextmanager
    def outside(self) -> Iterator[list[float]]:
        """Let the body run: where Metaflow has started it, and free to call DVC.

        Yields
        ------
        list
            How long it took, in seconds, once it is over.
        """
        took: list[float] = []
        begun = time.monotonic()
        with chdir(_started_in), self._here.lock.released():
            yield took
            took.append(time.monotonic() - begun)


def read_out_of_remote(run: DvcRun, path: str) -> bytes:
    """Read a file out of a run's outs; see `record.read_out`."""
    with opened(Path(run["root"]), run["replaced"]) as here:
        cache = here.project.cache
        objects = Objects(here.session, scratch_folder(_remote_run(run)))
        for stage in here.pipeline.stages:
            made = result_in(run, stage.address).outs(stage) if _has(run, stage) else {}
            for at, pointer in made.items():
                file = here.project.root / at
                # An out that git tracks has come with the code.
                if path == at and file.is_file() and hash_file(file)["md5"] == pointer["md5"]:
                    return file.read_bytes()
                if path == at or path.startswith(f"{at}/"):
                    objects.fetch([(stage, {"outs": [pointer]})])
        found = find(cache, run["outs"], path)
        if found is None or found["md5"].endswith(".dir"):
            raise no_such_out(run, path)
        return read_file(cache, found)


def _has(run: DvcRun, stage: Stage) -> bool:
    return stage.address in run["results"]


def _remote_run(run: DvcRun) -> str:
    return run["remote_run"] or flow_run_name(current.flow_name, current.run_id)


def _check_done(stage: Stage, before: Stage, run: DvcRun) -> None:
    if before.address in run["stages"] and not _has(run, before):
        raise UsageError(
            f"stage {stage.address} reads what {before.address} makes, which has not run before"
            " this step",
            "put that stage's step before this one",
        )
