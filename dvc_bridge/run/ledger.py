"""What a run records: results into cache and run cache, entries into dvc.lock."""

from __future__ import annotations

import time
from typing import Any

from dvc_bridge.dvcio import stage as steps
from dvc_bridge.dvcio.lock import LockFiles
from dvc_bridge.dvcio.look import Workspace
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.quick import Quick
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.unfinished import Unfinished
from dvc_bridge.errors import IntegrityError, MissingInputError
from dvc_bridge.plan.decide import UndecidedError
from dvc_bridge.plan.pipeline import Kind, LockEntry, Stage
from dvc_bridge.plan.step import Step, first_step
from dvc_bridge.run.outcome import Outcome

# dvc.lock is written while a run goes on too, for at most this share of its time.
FLUSH_SHARE, FLUSH_S = 0.05, 1.0


class Ledger:
    """Records stages by their place in the run, plainly where that is enough, else by DVC.

    Parameters
    ----------
    unfinished
        Keeps what a kill would leave half done, where the run is the only one of its project.

    Attributes
    ----------
    entries
        What dvc.lock says of the stages recorded so far.
    """

    def __init__(
        self,
        project: Project,
        session: Session,
        workspace: Workspace,
        unfinished: Unfinished | None = None,
    ) -> None:
        self._project, self._session, self._workspace = project, session, workspace
        self._quick = Quick(project, session, workspace)
        self._lock_files = LockFiles(project, unfinished)
        self._loaded: dict[int, Any] = {}
        self.entries: dict[int, LockEntry] = {}
        self._flushed_at, self._flush_s = time.monotonic(), 0.0

    def settle(self, place: int, stage: Stage, *, force: bool) -> Outcome | None:
        """Do all that can be done without the stage's command; None: it must run."""
        look = self._workspace
        try:
            step, _ = first_step(stage, look, force=force, has_runs=look.has_runs)
        except UndecidedError:
            step = Step.ASK
        except MissingInputError:
            steps.clear(self._project, stage)  # as DVC does before it looks at the deps
            raise
        if step is Step.UNCHANGED:
            return Outcome.UNCHANGED
        if step is Step.COMMAND:
            steps.clear(self._project, stage)
            return None
        return self.ask_dvc(place, stage, force=force)

    def ask_dvc(self, place: int, stage: Stage, *, force: bool) -> Outcome | None:
        """Let DVC do what it can without the stage's command; None: it must run."""
        loaded = self._loaded[place] = self._session.stage(stage, place)
        found = steps.begin(loaded, force=force)
        if found is steps.Step.COMMAND:
            return None
        if found is steps.Step.UNCHANGED:
            return Outcome.UNCHANGED
        restored = found is steps.Step.RESTORED
        self.record(place, stage, finish=restored, restored=restored)
        return Outcome.RESTORED if restored else Outcome.RAN

    def record(
        self, place: int, stage: Stage, *, finish: bool, restored: bool = False
    ) -> LockEntry:
        """Record the stage as it is now; give its entry in dvc.lock, empty for a .dvc file.

        Parameters
        ----------
        finish
            Its outs are new: they are stored too.
        restored
            They come from the run cache.

        Raises
        ------
        IntegrityError
            What has been restored is not what it was; it is removed again.
        """
        loaded = self._loaded.pop(place, None)
        self._session.turn(place)
        entry = self._quick.record(stage) if finish and loaded is None else None
        if entry is None:
            loaded = loaded or self._session.stage(stage, place)
            if finish:
                steps.finish(loaded)
                if restored:
                    self._check(stage, loaded)
                steps.learn(loaded, self._workspace.hashes)
            if stage.kind is not Kind.STAGE:
                loaded.dump(update_pipeline=False)
                return {}
            entry = steps.entry(loaded)
        self.entries[place] = entry
        self._lock_files.record(place, stage.file, stage.name, entry)
        return entry

    def _check(self, stage: Stage, loaded: Any) -> None:
        try:
            steps.check(loaded, self._workspace.hashes, self._project.cache)
        except IntegrityError:
            steps.clear(self._project, stage)
            raise

    def forget(self, place: int) -> None:
        """The stage has failed: nothing of it is recorded."""
        self._loaded.pop(place, None)

    def flush_now_and_then(self) -> None:
        """Write the dvc.lock files if they have not been written for a while."""
        quiet_s = max(FLUSH_S, self._flush_s / FLUSH_SHARE)
        if time.monotonic() - self._flushed_at > quiet_s:
            self.flush()

    def flush(self) -> None:
        """Write the dvc.lock files."""
        start = time.monotonic()
        self._session.track(self._lock_files.flush())
        self._flushed_at = time.monotonic()
        self._flush_s = self._flushed_at - start

    def close(self) -> None:
        """Write all that is left, the memory of hashes last."""
        try:
            self.flush()
            self._quick.remember()
        finally:
            self._workspace.hashes.save()
