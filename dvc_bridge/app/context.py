"""The context of remote-run use cases: project, lock and DVC session, opened in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from dvc_bridge.app.current_folder import Warn, from_here
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.base import Engine
from dvc_bridge.engines.registry import engine_type
from dvc_bridge.errors import BridgeError, StoppedError, UsageError
from dvc_bridge.local.history import History
from dvc_bridge.local.repro import repro
from dvc_bridge.local.runner import Options
from dvc_bridge.pipeline.auto_memory import SeenMemory
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.planning.exclusion import exclusive_groups
from dvc_bridge.planning.left_out_results import drop_outdated
from dvc_bridge.planning.targets import Selection, select
from dvc_bridge.remote_run.merge import Merged, merge
from dvc_bridge.remote_run.run_store import Store, scratch_folder
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.shared_durations import known_seconds, share
from dvc_bridge.remote_run.shared_memory import known_memory, share_memory
from dvc_bridge.remote_run.upload import RemoteForecast, Submission, remote_names, submit
from dvc_bridge.ui.plain_view import PlainView

ALL_STAGES = Selection(all_pipelines=True)


class RunContext(ExitStack):
    """A project for a remote run; while the context is open, it holds the repository's lock.

    Parameters
    ----------
    selection
        The selected stages, as seen from the current directory.
    force
        Whether stages that are up to date run too.
    engine
        The name of the engine; None: the one in dvc-bridge.yaml.
    warn
        Receives each warning.
    """

    def __init__(
        self,
        selection: Selection = ALL_STAGES,
        *,
        force: bool = False,
        engine: str | None = None,
        warn: Warn,
    ) -> None:
        super().__init__()
        self._selection, self.force, self._engine, self.warn = selection, force, engine, warn

    def __enter__(self) -> Self:
        super().__enter__()
        check_version()
        self.project = find_project()
        self.lock = RepositoryLock(self.project)
        self.enter_context(self.lock.held())
        self.read()
        unfinished = RecoveryLog(self.project, self._addresses)
        self.session = self.enter_context(Session(self.project, self.warn, unfinished))
        return self

    def read(self) -> None:
        """Read the project, or read it again after it has changed."""
        self.pipeline = read_pipeline(self.project)
        self.order = select(self.pipeline, from_here(self._selection, self.project))
        self.settings = read_settings(self.project, self.pipeline)

    def read_after(self, run: str) -> None:
        """Read the project again, because its files may have changed during the run.

        Raises
        ------
        UsageError
            The changed files cannot be read; the results of the run stay in the remote.
        """
        try:
            self.read()
        except BridgeError as exc:
            raise UsageError(
                f"nothing of run {run} is merged: {exc.message}",
                f"{exc.fix or 'correct it'}; then dvc-bridge collect {run}",
            ) from exc

    @property
    def _addresses(self) -> list[str]:
        return [self.pipeline.stages[position].address for position in self.order]

    @property
    def engine_type(self) -> type[Engine]:
        """The class of the engine that the run uses."""
        return engine_type(self._engine or self.settings.engine)

    def use_engine_of(self, run: str) -> None:
        """Use the engine on which a run was started, unless the user selected one."""
        if self._engine is None:
            self._engine = self.store(run)[0].origin().get("engine") or None

    def connect(self) -> Engine:
        """Return the engine, connected."""
        return self.engine_type.connect(self.project, self.settings)

    def settle(self) -> Settled:
        """Sort the stages into those that need a task and those that do not."""
        self.remote_forecast = RemoteForecast(self.project, self.pipeline, self.order, self.session)
        return self.remote_forecast.settle(force=self.force, alone=self._selection.alone)

    def prepare(self) -> Settled:
        """Sort the stages after bringing stages without a command up to date here."""
        settled = self.settle()
        if settled.here:
            self._run_here(settled.here)
            settled = self.settle()
        return settled

    def upload(
        self,
        settled: Settled,
        groups: Sequence[Sequence[StagePosition]],
        jobs: Sequence[int],
        run: str,
    ) -> Submission:
        """Upload everything that the workers of the groups need to the remote."""
        return submit(
            self.project,
            self.remote_forecast,
            settled,
            groups,
            jobs,
            run,
            force=self.force,
            mutexes=exclusive_groups(
                self.pipeline, [f.position for f in settled.waiting], self.settings
            ),
            allow=self.settings.allow,
            warn=self.warn,
        )

    def store_settings(self) -> Sections:
        """Return the settings of the remotes for workers."""
        names = remote_names(self.pipeline)
        return self.engine_type.store_settings(self.session.repo.config, names, self.settings)

    def store(self, run: str) -> tuple[Store, Objects]:
        """Return the store of a run in the remote, and its objects."""
        objects = Objects(self.session, scratch_folder(run))
        return Store(objects.default, run), objects

    def merge(
        self, results: Mapping[str, Result], objects: Objects, *, checkout: bool = True
    ) -> Merged:
        """Merge results of workers into the project."""
        merged = merge(
            self.project,
            self.pipeline,
            self.order,
            drop_outdated(self.pipeline, results),
            self.session,
            objects,
            checkout=checkout,
        )
        share(History(self.project), objects.default, results.values())
        return merged

    def seconds(self, settled: Settled) -> dict[str, float]:
        """Return the recorded durations of commands in seconds, from here and from the remote."""
        waiting = [forecast.stage.address for forecast in settled.waiting]
        return known_seconds(History(self.project), self.remote_forecast.objects.default, waiting)

    def seen_memory(self, settled: Settled) -> dict[str, SeenMemory]:
        """Return the memory that earlier runs used; empty if no stage's memory follows them."""
        waiting = [forecast.stage.address for forecast in settled.waiting]
        if not self.settings.has_auto_memory(waiting):
            return {}
        return known_memory(History(self.project).memory, self.remote_forecast.objects.default)

    def keep_memory(self, trace: RunTrace, objects: Objects) -> None:
        """Record the memory that a run used; other clones need it only for `auto`."""
        is_shared = self.settings.has_auto_memory(stage.address for stage in trace.stages)
        remote = objects.default if is_shared else None
        share_memory(History(self.project).memory, remote, trace)

    def _run_here(self, positions: Sequence[StagePosition]) -> None:
        options = Options(RunFlags(force=self.force), alone=True)
        summary = repro(self.project, self.pipeline, positions, options, PlainView(), self.lock)
        if summary.interrupted:
            raise StoppedError(summary.interrupted)
        for address, error in summary.errors.items():
            raise type(error)(f"{address}: {error.message}", error.fix)
        self.read()
