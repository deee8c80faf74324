"""What the commands of a remote run share: the project, the lock and DVC, opened in order."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from dvc_bridge.cli.selection import chosen
from dvc_bridge.cli.settings import read_settings
from dvc_bridge.dvcio.claim import RepositoryLock
from dvc_bridge.dvcio.objects import Objects
from dvc_bridge.dvcio.probe import check_version
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.read import read_pipeline
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.unfinished import Unfinished
from dvc_bridge.errors import StoppedError
from dvc_bridge.plan.forecast import Forecast
from dvc_bridge.plan.result import Result
from dvc_bridge.plan.targets import select
from dvc_bridge.run.local import Options, repro
from dvc_bridge.run.merge import Merged, merge
from dvc_bridge.run.prepare import Settled
from dvc_bridge.run.store import Store, scratch_folder
from dvc_bridge.run.submission import Outlook, Submission, submit
from dvc_bridge.run.view import PlainView


class Remotely(ExitStack):
    """A project about to run elsewhere; the repository's lock is held inside.

    Parameters
    ----------
    args
        Which stages, in the words of `dvc repro`.
    """

    def __init__(self, args: Namespace) -> None:
        super().__init__()
        self._args = args

    def __enter__(self) -> Self:
        super().__enter__()
        check_version()
        self.project = find_project()
        self.lock = RepositoryLock(self.project)
        self.enter_context(self.lock.held())
        self.read()
        addresses = [self.pipeline.stages[position].address for position in self.order]
        unfinished = Unfinished(self.project, addresses)
        self.session = self.enter_context(Session(self.project, warn, unfinished))
        return self

    def read(self) -> None:
        """Read the project, again where it has changed."""
        self.pipeline = read_pipeline(self.project)
        self.order = select(self.pipeline, chosen(self._args, self.project))
        self.settings = read_settings(self.project, self.pipeline)

    @property
    def alone(self) -> bool:
        """Whether each stage stands for itself."""
        return self._args.single_item and not self._args.all_pipelines

    def forecasts(self) -> list[Forecast]:
        """Say what would become of every stage."""
        self.outlook = Outlook(self.project, self.pipeline, self.order, self.session)
        return self.outlook.forecasts(force=self._args.force, alone=self.alone)

    def settle(self) -> Settled:
        """Sort the stages into those that need a pod and those that do not."""
        forecasts = self.forecasts()
        return self.outlook.settle(forecasts)

    def submit(
        self, settled: Settled, groups: Sequence[Sequence[int]], jobs: Sequence[int], run: str
    ) -> Submission:
        """Put all that the groups' pods need into the remote."""
        addresses = [self.pipeline.stages[position].address for position in self.order]
        return submit(
            self.project,
            self.session,
            self.outlook,
            settled,
            groups,
            jobs,
            run,
            force=self._args.force,
            mutexes=self.settings.mutex_groups(addresses),
            warn=warn,
        )

    def collected(self, run: str, *, checkout: bool) -> tuple[Merged, dict[str, Result]]:
        """Merge the results of a run that somebody has submitted, from its plan."""
        objects = Objects(self.session, scratch_folder(run))
        store = Store(objects.default, run)
        plan = store.plan()
        results = {
            up.stage.address: up.result
            for entry in plan
            for up in entry.upstream
            if up.result is not None
        }
        results.update(store.results(task.stage for entry in plan for task in entry.tasks))
        done = merge(
            self.project,
            self.pipeline,
            self.order,
            results,
            self.session,
            objects,
            checkout=checkout,
        )
        return done, results

    def bring_here(self, positions: Sequence[int]) -> None:
        """Bring stages without a command up to date: data, imports, frozen ones."""
        options = Options(force=self._args.force, alone=True)
        done = repro(self.project, self.pipeline, positions, options, PlainView(), self.lock)
        if done.interrupted:
            raise StoppedError(done.interrupted)
        for address, error in done.errors.items():
            raise type(error)(f"{address}: {error.message}", error.fix)
        self.read()


def prepared(remotely: Remotely) -> Settled:
    """Settle what needs no pod; stages without a command are brought up to date here first."""
    settled = remotely.settle()
    if settled.here:
        remotely.bring_here(settled.here)
        settled = remotely.settle()
    return settled


def merged(
    remotely: Remotely, settled: Settled, run: str, *, checkout: bool = True
) -> tuple[Merged, dict[str, Result]]:
    """Merge what a run has left so far, and what needed no pod."""
    objects = Objects(remotely.session, scratch_folder(run))
    results = dict(settled.results)
    if settled.waiting:
        store = Store(objects.default, run)
        results.update(store.results(found.stage for found in settled.waiting))
    done = merge(
        remotely.project,
        remotely.pipeline,
        remotely.order,
        results,
        remotely.session,
        objects,
        checkout=checkout,
    )
    return done, results


def warn(text: str) -> None:
    """Say what the user should see beside the results."""
    print(f"dvc-bridge: {text}", file=sys.stderr)
