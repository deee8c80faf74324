"""Removing old runs and snapshots from the remote."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dvc_bridge.app.current_folder import Warn
from dvc_bridge.app.runs import connect_engine
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.remotes.remote import Remote
from dvc_bridge.dvcio.session import Session
from dvc_bridge.engines.base import Engine, is_same_place
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.remote_run.gc_candidates import find_leftovers, old_runs, written_s
from dvc_bridge.remote_run.run_store import Store

DAY_S = 86_400
_FIX = "a run that may still go on is not removed"


@dataclass(frozen=True)
class Removal:
    """The runs and snapshots that were removed, or would be.

    Parameters
    ----------
    remote
        The name of the remote.
    removed
        Descriptions of the removed items.
    kept
        Why old or named runs are kept, by name of the run.
    """

    remote: str
    removed: tuple[str, ...]
    kept: dict[str, str]

    def raise_error(self) -> None:
        """Raise an error if a run was kept."""
        if self.kept:
            raise UsageError("\n".join(_reasons(self.kept)), _FIX)


def remove_old_runs(
    runs: Sequence[str],
    *,
    days: int,
    dry: bool,
    report: Callable[[str], object],
    warn: Warn,
) -> Removal:
    """Remove the data of old runs from the remote; DVC's own objects stay.

    Parameters
    ----------
    runs
        The runs to remove, regardless of their age; empty: all old runs.
    days
        The age from which a run is old.
    dry
        Whether to report only, and remove nothing.
    report
        Receives a line for each removed item.

    Raises
    ------
    UsageError
        A named run is not in the remote, or may still be running; nothing was removed.
    """
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        remote, before_s = Remote(session.repo), time.time() - days * DAY_S
        _check_known(remote, runs)
        ends = _Ends(project, remote, before_s)
        candidates = old_runs(remote, before_s, runs)
        kept = {run: why for run in candidates if (why := ends.doubt(run))}
        if kept and runs:
            raise UsageError("\n".join(_reasons(kept)), _FIX)
        leftovers = find_leftovers(remote, before_s, kept, runs)
        for leftover in leftovers:
            if not dry:
                remote.remove(leftover.path)
            report(f"{'would remove' if dry else 'removed'} {leftover.what}")
        if ends.engine and not dry:
            removed = {leftover.run for leftover in leftovers if leftover.run}
            ends.engine.forget(removed.__contains__)
    return Removal(remote.name, tuple(leftover.what for leftover in leftovers), kept)


def _reasons(kept: dict[str, str]) -> list[str]:
    return [f"run {run} is kept: {why}" for run, why in kept.items()]


class _Ends:
    """Determines whether runs have ended, from the remote and the engine."""

    def __init__(self, project: Project, remote: Remote, before_s: float) -> None:
        self._remote, self._before_s = remote, before_s
        self.engine: Engine | None = None
        self._runs: dict[str, RunStatus] = {}
        self._identity: dict[str, str | None] = {}
        self._no_answer = ""
        try:
            engine = connect_engine(project)
            self._runs = {status.run: status for status in engine.runs()}
            self._identity = engine.identity()
            self.engine = engine
        except BridgeError as exc:
            self._no_answer = exc.message

    def doubt(self, run: str) -> str:
        """Return why a run may still be running; empty: it has ended."""
        if self.engine and run in self._runs:
            if any(not attempt.ended for attempt in self.engine.attempts(run)):
                return f"it goes on; dvc-bridge stop {run} ends it"
            return ""
        store = Store(self._remote, run)
        if store.is_done():
            return ""
        return self._doubt_unfinished(run, store.cluster())

    def _doubt_unfinished(self, run: str, submitted: dict[str, str | None] | None) -> str:
        if submitted is None:  # by a flow, a manifest of `convert` or an older dvc-bridge
            recent = written_s(self._remote, run) >= self._before_s
            return "stages have no result, and it was written to not long ago" if recent else ""
        if self._no_answer:
            return f"the engine does not say whether it goes on: {self._no_answer}"
        if not is_same_place(submitted, self._identity):
            installation = f"namespace {submitted['namespace']} of {submitted['host']}"
            return f"it was submitted to {installation}, and this is another one"
        return ""


def _check_known(remote: Remote, runs: Sequence[str]) -> None:
    existing = set(Store(remote, "").runs())
    if problems := [
        f"run {run} is not in remote {remote.name}" for run in runs if run not in existing
    ]:
        raise UsageError("\n".join(problems), "dvc-bridge status lists the runs")
