"""What a run records: results into cache and run cache, entries into dvc.lock."""

from __future__ import annotations

import time
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.recording.fast_record import FastRecorder
from dvc_bridge.dvcio.recording.lockfile import LockFiles
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import IntegrityError, MissingInputError
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.stage import LockEntry, Stage
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.next_action import NextAction, first_step

# So often what is written while a run goes on is written so that it survives a power cut.
DURABLE_S = 1.0
# A dvc.lock of this size takes a millisecond to write: too long for each of thousands of stages.
SMALL_BYTES = 1 << 18
# It is written after this time at the latest.
PUBLISH_S = 0.5


class DvcRecorder:
    """Records stages by their place in the run, plainly where that is enough, else by DVC.

    Parameters
    ----------
    unfinished
        Keeps what a kill would leave half done, where the run is the only one of its project.

    Attributes
    ----------
    entries
        What dvc.lock says of the stages recorded so far.
    unpublished
        The places that are recorded, and not written.
    """

    def __init__(
        self,
        project: Project,
        session: Session,
        workspace: Workspace,
        unfinished: RecoveryLog | None = None,
    ) -> None:
        self._project, self._session, self._workspace = project, session, workspace
        self._quick = FastRecorder(project, session, workspace)
        self._lock_files = LockFiles(project, unfinished)
        self._loaded: dict[int, Any] = {}
        self.entries: dict[int, LockEntry] = {}
        self._durable_at = self._recorded_at = time.monotonic()
        self.unpublished: set[int] = set()

    def settle(self, place: int, stage: Stage, *, force: bool) -> Outcome | None:
        """Do all that can be done without the stage's command; None: it must run."""
        look = self._workspace
        try:
            step, _ = first_step(stage, look, force=force, has_runs=look.has_runs)
        except UndecidedError:
            step = NextAction.ASK
        except MissingInputError:
            dvc_stage.clear(self._project, stage)  # as DVC does before it looks at the deps
            raise
        if step is NextAction.UNCHANGED:
            return Outcome.UNCHANGED
        if step is NextAction.COMMAND:
            dvc_stage.clear(self._project, stage)
            return None
        return self.ask_dvc(place, stage, force=force)

    def ask_dvc(self, place: int, stage: Stage, *, force: bool) -> Outcome | None:
        """Let DVC do what it can without the stage's command; None: it must run."""
        loaded = self._loaded[place] = self._session.stage(stage, place)
        with self._session.ignoring():
            found = dvc_stage.begin(loaded, force=force)
        if found is dvc_stage.DvcOutcome.COMMAND:
            return None
        if found is dvc_stage.DvcOutcome.UNCHANGED:
            return Outcome.UNCHANGED
        restored = found is dvc_stage.DvcOutcome.RESTORED
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
        self._session.turn(place)
        with self._session.ignoring():
            loaded = self._loaded.pop(place, None)
            entry = self._quick.record(stage) if finish and loaded is None else None
            if entry is None:
                loaded = loaded or self._session.stage(stage, place)
                entry = self._record_as_dvc(stage, loaded, finish=finish, restored=restored)
        if stage.name:
            self.entries[place] = entry
            self.adopt(place, stage, entry)
        return entry

    def _record_as_dvc(
        self, stage: Stage, loaded: Any, *, finish: bool, restored: bool
    ) -> LockEntry:
        if finish:
            dvc_stage.finish(loaded)
            if restored:
                self._check(stage, loaded)
            dvc_stage.learn(loaded, self._workspace.hashes)
        if stage.name:
            return dvc_stage.entry(loaded)
        loaded.dump(update_pipeline=False)
        return {}

    def adopt(self, place: int, stage: Stage, entry: LockEntry) -> None:
        """Take the entry of a stage, to be written by `publish`."""
        if not self.unpublished:
            self._recorded_at = time.monotonic()
        self.unpublished.add(place)
        self._lock_files.record(place, stage.file, stage.name, entry)

    def _check(self, stage: Stage, loaded: Any) -> None:
        try:
            dvc_stage.check(loaded, self._workspace.hashes, self._project.cache)
        except IntegrityError:
            dvc_stage.clear(self._project, stage)
            raise

    def forget(self, place: int) -> None:
        """The stage has failed: nothing of it is recorded."""
        self._loaded.pop(place, None)

    def publish(self) -> None:
        """Write what has been recorded where commands and other processes see it."""
        if self.unpublished:
            now = time.monotonic()
            durable = now - self._durable_at > DURABLE_S
            self._lock_files.write(durable=durable)
            self._durable_at = now if durable else self._durable_at
            self.unpublished.clear()

    def publish_due_s(self) -> float | None:
        """Say in how many seconds that should be done; None: there is nothing to write."""
        if not self.unpublished:
            return None
        if self._lock_files.size < SMALL_BYTES:
            return 0.0
        return max(0.0, self._recorded_at + PUBLISH_S - time.monotonic())

    def close(self) -> None:
        """Write all that is left, the memory of hashes last."""
        try:
            self._session.track(self._lock_files.close())
            self._quick.remember()
        finally:
            self._workspace.hashes.save()
