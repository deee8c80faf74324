"""Run a step in a pod, which has no project, no cache and no dvc.lock.

The pod handles the stage as a worker of `dvc-bridge submit` does: it decides without data whether
to run the stage, fetches the inputs from the DVC remote, and uploads the outs, the run-cache entry
and the result. Only the command is the step's own Python code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaflow import current
from metaflow.user_decorators.user_step_decorator import USER_SKIP_STEP

from dvc_bridge.dvcio.cached_objects import find, read_file
from dvc_bridge.dvcio.hashes import md5_of
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import UsageError
from dvc_bridge.local.tracer import Tracer
from dvc_bridge.pipeline.ids import flow_run_name
from dvc_bridge.pipeline.lock_entry import is_folder, with_outs
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Pipeline, Stage, is_inside
from dvc_bridge.planning.forecast import Forecast, Verdict
from dvc_bridge.planning.run_cache_key import StageSpec
from dvc_bridge.remote_run.remote_state import RemoteState
from dvc_bridge.remote_run.run_store import Store, scratch_folder
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.task_plan import plan_tasks
from dvc_bridge.ui.plain_view import PlainView
from dvc_bridge.worker.recorder import WorkerRecorder

from .current_workspace import set_workspace
from .package import project_folder
from .run_artifact import DvcRun, no_such_out, result_in, with_result

# DVC runs in the project's folder; the user's code does not.
_START_FOLDER = Path.cwd()


@dataclass(frozen=True)
class Opened:
    """A project with an open DVC session and its lock."""

    project: Project
    pipeline: Pipeline
    session: Session
    lock: RepositoryLock


@contextmanager
def opened(root: Path, replaced: Mapping[str, str] | None = None) -> Iterator[Opened]:
    """Open a flow's project; in a pod, the project from the code package.

    DVC runs in the project's folder; the step's body does not (see `PodStage.outside`).

    Parameters
    ----------
    replaced
        Files of the root, and the text to write to them; allowed only in the pod's own folder.
    """
    folder = project_folder(root)
    for name, text in (replaced or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    project = find_project(folder)
    lock = RepositoryLock(project)
    with chdir(project.root), lock.held(), Session(project, PlainView().note) as session:
        yield Opened(project, read_pipeline(project), session, lock)


def run_in_pod(flow: Any, run: DvcRun, spec: StageSpec, *, force: bool) -> Iterator[Any]:
    """Run a step as a stage, or skip it; the generator yields where the body runs."""
    name = spec["name"]
    with opened(Path(run["root"]), run["replaced"]) as pod:
        stage = PodStage(pod, run, name, force=force)
        result = stage.settle()
        if result is not None:
            print(f"{name}: unchanged, its result is in the DVC remote")
            flow.dvc = with_result(run, spec, result)
            yield USER_SKIP_STEP
            return
        print(f"{name}: running")
        with stage.outside(), set_workspace(pod.project.root):
            yield
        flow.dvc = with_result(run, spec, stage.record())


class PodStage:
    """One stage in a pod.

    Parameters
    ----------
    name
        The name of a stage in `run`.

    Raises
    ------
    UsageError
        An upstream stage has not run, or its data is not in the remote.
    """

    def __init__(self, here: Opened, run: DvcRun, name: str, *, force: bool) -> None:
        self._here, self._force = here, force
        stages = here.pipeline.stages
        (position,) = (p for p in here.pipeline.positions if stages[p].address == name)
        self._stage = stages[position]
        results = {address: result_in(run, address) for address in run["results"]}
        for upstream_position in here.pipeline.upstream[position]:
            _check_done(self._stage, here.pipeline.stages[upstream_position], run)
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
        upstream = [task.result for task in entry.upstream if task.result]
        store = Store(objects.default, _remote_run(run))
        self._tracer = Tracer([name], {})
        self._recorder = WorkerRecorder(
            here.project, here.session, entry, upstream, objects, store, self._tracer
        )

    def settle(self) -> Result | None:
        """Return the result if the body need not run; otherwise fetch its deps and return None."""
        self._tracer.started(RunIndex(0))
        outcome = self._recorder.settle(RunIndex(0), self._stage, force=self._force)
        return None if outcome is None else self._recorder.last

    def record(self) -> Result:
        """Upload the outs of the body, and return its result."""
        self._recorder.record(RunIndex(0), self._stage, finish=True)
        return self._recorder.last

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Run the body in the folder where Metaflow started it, with DVC unlocked."""
        with chdir(_START_FOLDER), self._here.lock.released(), self._tracer.body(RunIndex(0)):
            yield


def read_out_of_remote(run: DvcRun, path: str) -> bytes:
    """Read a file from a run's outs; see `run_artifact.read_out`."""
    with opened(Path(run["root"]), run["replaced"]) as here:
        cache = here.project.cache
        objects = Objects(here.session, scratch_folder(_remote_run(run)))
        for stage in here.pipeline.stages:
            items = result_in(run, stage.address).out_items(stage) if _has(run, stage) else {}
            for out_path, item in items.items():
                file = here.project.root / out_path
                # The code package contains outs that git tracks.
                if path == out_path and file.is_file() and md5_of(file) == item["md5"]:
                    return file.read_bytes()
                if is_inside(path, out_path):
                    objects.fetch([(stage, with_outs({}, [item]))])
        file_pointer = find(cache, run["outs"], path)
        if file_pointer is None or is_folder(file_pointer):
            raise no_such_out(run, path)
        return read_file(cache, file_pointer)


def _has(run: DvcRun, stage: Stage) -> bool:
    return stage.address in run["results"]


def _remote_run(run: DvcRun) -> str:
    return run["remote_run"] or flow_run_name(current.flow_name, current.run_id)


def _check_done(stage: Stage, upstream: Stage, run: DvcRun) -> None:
    if upstream.address in run["stages"] and not _has(run, upstream):
        raise UsageError(
            f"stage {stage.address} depends on {upstream.address}, which has not run before this"
            " step",
            "move that stage's step before this one",
        )
