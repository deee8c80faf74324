"""What the commands of a remote run share: the project, the lock and DVC, opened in order."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from dvc_bridge.app.selection import alone, chosen
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.bridge_settings import read_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.recovery import Unfinished
from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.errors import StoppedError
from dvc_bridge.local.history import Journal
from dvc_bridge.local.runner import Options, repro
from dvc_bridge.pipeline.result import Result
from dvc_bridge.planning.selection import select
from dvc_bridge.remote_run.merge import Merged, merge
from dvc_bridge.remote_run.run_store import Store, scratch_folder
from dvc_bridge.remote_run.shared_durations import known_seconds, share
from dvc_bridge.remote_run.task import Entry
from dvc_bridge.remote_run.task_plan import Settled
from dvc_bridge.remote_run.upload import Outlook, Submission, settings_for_pods, submit
from dvc_bridge.ui.view import PlainView


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
        unfinished = Unfinished(self.project, self._addresses)
        self.session = self.enter_context(Session(self.project, warn, unfinished))
        return self

    def read(self) -> None:
        """Read the project, again where it has changed."""
        self.pipeline = read_pipeline(self.project)
        self.order = select(self.pipeline, chosen(self._args, self.project))
        self.settings = read_settings(self.project, self.pipeline)

    @property
    def _addresses(self) -> list[str]:
        return [self.pipeline.stages[position].address for position in self.order]

    def settle(self) -> Settled:
        """Sort the stages into those that need a pod and those that do not."""
        self.outlook = Outlook(self.project, self.pipeline, self.order, self.session)
        return self.outlook.settle(force=self._args.force, alone=alone(self._args))

    def submit(
        self, settled: Settled, groups: Sequence[Sequence[int]], jobs: Sequence[int], run: str
    ) -> Submission:
        """Put all that the groups' pods need into the remote."""
        return submit(
            self.project,
            self.outlook,
            settled,
            groups,
            jobs,
            run,
            force=self._args.force,
            mutexes=self.settings.mutex_groups(self._addresses),
            allow=self.settings.allow,
            warn=warn,
        )

    def store_settings(self) -> Sections:
        """Give the settings of the remotes as pods get them."""
        return settings_for_pods(self.pipeline, self.session.repo.config, self.settings.argo)

    def store(self, run: str) -> tuple[Store, Objects]:
        """Give a run's folder in the remote, and its outs."""
        objects = Objects(self.session, scratch_folder(run))
        return Store(objects.default, run), objects

    def merge(
        self, results: Mapping[str, Result], objects: Objects, *, checkout: bool = True
    ) -> Merged:
        """Merge results of pods into the project."""
        merged = merge(
            self.project,
            self.pipeline,
            self.order,
            results,
            self.session,
            objects,
            checkout=checkout,
        )
        share(Journal(self.project), objects.default, results.values())
        return merged

    def seconds(self, settled: Settled) -> dict[str, float]:
        """Give how long commands took, from here and from the remote."""
        waiting = [found.stage.address for found in settled.waiting]
        return known_seconds(Journal(self.project), self.outlook.objects.default, waiting)

    def bring_here(self, positions: Sequence[int]) -> None:
        """Bring stages without a command up to date: data, imports, frozen ones."""
        options = Options(force=self._args.force, alone=True)
        done = repro(self.project, self.pipeline, positions, options, PlainView(), self.lock)
        if done.interrupted:
            raise StoppedError(done.interrupted)
        for address, error in done.errors.items():
            raise type(error)(f"{address}: {error.message}", error.fix)
        self.read()


def everything(args: Namespace) -> Namespace:
    """Give the words of a command with those that select all stages of the project."""
    words = {"targets": [], "single_item": False, "all_pipelines": True, "downstream": False}
    return Namespace(**vars(args), **words, force=False)


def prepared(remotely: Remotely) -> Settled:
    """Settle what needs no pod; stages without a command are brought up to date here first."""
    settled = remotely.settle()
    if settled.here:
        remotely.bring_here(settled.here)
        settled = remotely.settle()
    return settled


@dataclass(frozen=True)
class Collected:
    """What was merged of a run.

    Parameters
    ----------
    results
        By address: those that were there.
    expected
        The stages of which the run makes results; None: that is not known.
    """

    merged: Merged
    results: Mapping[str, Result]
    expected: Sequence[str] | None


def merged(remotely: Remotely, settled: Settled, run: str) -> Collected:
    """Merge what a run has left so far, and what needed no pod."""
    store, objects = remotely.store(run)
    results = dict(settled.results)
    if settled.waiting:
        results.update(store.results(found.stage for found in settled.waiting))
    expected = [found.stage.address for found in settled.waiting]
    return Collected(remotely.merge(results, objects), results, expected)


def collected(remotely: Remotely, run: str, *, checkout: bool) -> Collected:
    """Merge the results of a run that somebody has submitted, from its plan.

    A run that comes from a manifest of `convert` has none: its results are those of stages here.
    """
    store, objects = remotely.store(run)
    plan = store.plan()
    results = _results(remotely, store, plan, looked_at=True)
    expected = store.stage_addresses(plan)
    return Collected(remotely.merge(results, objects, checkout=checkout), results, expected)


def stored_results(remotely: Remotely, run: str, *, looked_at: bool = True) -> dict[str, Result]:
    """Give what a run has left in the remote so far, and what it found unchanged.

    Parameters
    ----------
    looked_at
        With the stages too that were none of the run, but made what it read.

    Raises
    ------
    UsageError
        There is no such run.
    """
    store, _ = remotely.store(run)
    return _results(remotely, store, store.plan(), looked_at=looked_at)


def _results(
    remotely: Remotely, store: Store, plan: Sequence[Entry] | None, *, looked_at: bool
) -> dict[str, Result]:
    if plan is None:
        results = store.results(remotely.pipeline.stages[p] for p in remotely.order)
        if not results:
            raise store.unknown()
        return results
    upstream = [up for entry in plan for up in entry.upstream if looked_at]
    results = store.known()
    results.update({up.stage.address: up.result for up in upstream if up.result is not None})
    results.update(store.results(task.stage for entry in plan for task in entry.tasks))
    return results


def warn(text: str) -> None:
    """Say what the user should see beside the results."""
    print(f"dvc-bridge: {text}", file=sys.stderr)
