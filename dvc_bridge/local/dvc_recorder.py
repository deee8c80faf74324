"""Recording of stages: results in the cache and the run cache, entries in dvc.lock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording import dvc_stage
from dvc_bridge.dvcio.recording.fast_record import FastRecorder
from dvc_bridge.dvcio.recording.lockfile import LockFiles, write_due_s
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import IntegrityError, MissingInputError, UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.changes import StateReader, UndecidedError, changes
from dvc_bridge.planning.next_action import NextAction, first_step
from dvc_bridge.planning.read_once import ReadOnce

# The reason of a stage that runs because of an option.
FORCED = "forced"
# How often dvc.lock is written during a run so that it survives a power failure.
DURABLE_S = 1.0
_NO_FLAGS = RunFlags()


class DvcRecorder:
    """Records stages by their index in the run: directly if possible, otherwise through DVC.

    Parameters
    ----------
    unfinished
        The log of unfinished work, for recovery after a kill; None if the run does not need one.
    allow_missing
        The rule for missing data; None: they count as changes.
    flags
        The flags of the run: `run_cache` says whether earlier results are restored, `commit`
        whether outs are stored in the cache.

    Attributes
    ----------
    entries
        The dvc.lock entries of the stages recorded so far.
    unpublished
        The indexes of the stages that are recorded but not yet written to dvc.lock.
    confirm
        Asks the user whether a stage that has changed is to be brought up to date; None: no one
        is asked.
    """

    def __init__(
        self,
        project: Project,
        session: Session,
        workspace: Workspace,
        unfinished: RecoveryLog | None = None,
        allow_missing: AllowMissing | None = None,
        flags: RunFlags = _NO_FLAGS,
    ) -> None:
        self._project, self._session, self._workspace = project, session, workspace
        self._allow_missing = allow_missing
        self._has_runs = workspace.has_runs if flags.run_cache else lambda _: False
        self._flags = flags
        self._fast_recorder = FastRecorder(project, session, workspace)
        self._lock_files = LockFiles(project, unfinished)
        self._loaded: dict[RunIndex, Any] = {}
        self._reasons: dict[RunIndex, str] = {}
        self.entries: dict[RunIndex, LockEntry] = {}
        self._durable_at = self._recorded_at = time.monotonic()
        self.unpublished: set[RunIndex] = set()
        self.confirm: Callable[[str], bool] | None = None
        self._confirmed: set[RunIndex] = set()

    def settle(self, index: RunIndex, stage: Stage, *, force: bool) -> Outcome | None:
        """Do everything that does not need the stage's command; None: the command must run."""
        self._ask_user(index, stage, force=force)
        try:
            action, change = first_step(
                stage,
                ReadOnce(self._workspace),
                force=force,
                has_runs=self._has_runs,
                allow_missing=self._allow_missing,
            )
        except UndecidedError:
            action, change = NextAction.ASK, None
        except MissingInputError:
            dvc_stage.clear(self._project, stage)  # as DVC does before it checks the deps
            raise
        if action is NextAction.UNCHANGED:
            return Outcome.UNCHANGED
        self._reasons[index] = FORCED if force else str(change or "")
        if action is NextAction.COMMAND:
            dvc_stage.clear(self._project, stage)
            return None
        return self.ask_dvc(index, stage, force=force)

    def _ask_user(self, index: RunIndex, stage: Stage, *, force: bool) -> None:
        """Ask before a stage that has changed, as Stage.reproduce in dvc/stage/__init__.py."""
        if self.confirm is None or index in self._confirmed:
            return
        if not force and not self._has_changed(index, stage, self._workspace, self._allow_missing):
            return
        if not self.confirm(f"Bring stage {stage.address} up to date?"):
            raise UsageError("not brought up to date: the answer was no", "answer y to run it")
        self._confirmed.add(index)

    def _has_changed(
        self, index: RunIndex, stage: Stage, reader: StateReader, rule: AllowMissing | None
    ) -> bool:
        try:
            return any(True for _ in changes(stage, reader, rule))
        except UndecidedError:
            others = [] if rule is None else rule.upstream_of(stage)
            upstream = [self._session.stage(other, index) for other in others]
            loaded = self._session.stage(stage, index)
            return bool(loaded.changed(rule is not None, upstream))

    def ask_dvc(self, index: RunIndex, stage: Stage, *, force: bool) -> Outcome | None:
        """Let DVC do what it can without the stage's command; None: the command must run."""
        upstream = None
        if self._allow_missing is not None:
            others = self._allow_missing.upstream_of(stage)
            upstream = [self._session.stage(other, index) for other in others]
        loaded = self._loaded[index] = self._session.stage(stage, index)
        with self._session.ignoring():
            outcome = dvc_stage.begin(
                loaded, force=force, upstream=upstream, run_cache=self._flags.run_cache
            )
        if outcome is dvc_stage.DvcOutcome.COMMAND:
            return None
        if outcome is dvc_stage.DvcOutcome.UNCHANGED:
            return Outcome.UNCHANGED
        restored = outcome is dvc_stage.DvcOutcome.RESTORED
        self.record(index, stage, finish=restored, restored=restored)
        return Outcome.RESTORED if restored else Outcome.RAN

    def record(
        self, index: RunIndex, stage: Stage, *, finish: bool, restored: bool = False
    ) -> LockEntry:
        """Record the current stage and return its dvc.lock entry, which is empty for a .dvc file.

        Parameters
        ----------
        finish
            Whether the outs are new, and so are stored in the cache too.
        restored
            Whether the outs come from the run cache.

        Raises
        ------
        IntegrityError
            The restored outs differ from the recorded ones; they are removed again.
        """
        self._session.turn(index)
        with self._session.ignoring():
            loaded = self._loaded.pop(index, None)
            is_plain = finish and loaded is None and self._flags.commit
            entry = self._fast_recorder.record(stage) if is_plain else None
            if entry is None:
                loaded = loaded or self._session.stage(stage, index)
                entry = self._record_as_dvc(stage, loaded, finish=finish, restored=restored)
        if stage.name:
            self.entries[index] = entry
            self.adopt(index, stage, entry)
        return entry

    def _record_as_dvc(
        self, stage: Stage, loaded: Any, *, finish: bool, restored: bool
    ) -> LockEntry:
        if finish:
            dvc_stage.finish(
                loaded, allow_missing=self._allow_missing is not None, commit=self._flags.commit
            )
            if restored:
                self._check(stage, loaded)
            dvc_stage.learn(loaded, self._workspace.hashes)
        if stage.name:
            return dvc_stage.entry(loaded)
        loaded.dump(update_pipeline=False)
        return {}

    def adopt(self, index: RunIndex, stage: Stage, entry: LockEntry) -> None:
        """Accept the entry of a stage; `publish` writes it."""
        if not self.unpublished:
            self._recorded_at = time.monotonic()
        self.unpublished.add(index)
        self._lock_files.record(index, stage.file, stage.name, entry)

    def _check(self, stage: Stage, loaded: Any) -> None:
        try:
            dvc_stage.check(loaded, self._workspace.hashes, self._project.cache)
        except IntegrityError:
            dvc_stage.clear(self._project, stage)
            raise

    def reason(self, index: RunIndex) -> str:
        """Return why the stage is not up to date; empty if only DVC knows."""
        return self._reasons.get(index, "")

    def entry(self, index: RunIndex) -> LockEntry:
        """Return the recorded dvc.lock entry of the stage; empty if there is none."""
        return self.entries.get(index, {})

    def forget(self, index: RunIndex) -> None:
        """Record nothing for the stage, because it has failed."""
        self._loaded.pop(index, None)

    def publish(self) -> None:
        """Write the recorded entries to dvc.lock, where commands and other processes see them."""
        if self.unpublished:
            now = time.monotonic()
            durable = now - self._durable_at > DURABLE_S
            self._lock_files.write(durable=durable)
            self._durable_at = now if durable else self._durable_at
            self.unpublished.clear()

    def publish_due_s(self) -> float | None:
        """Return in how many seconds `publish` is due; None: there is nothing to write."""
        if not self.unpublished:
            return None
        elapsed_s = time.monotonic() - self._recorded_at
        return write_due_s(self._lock_files.size, elapsed_s)

    def close(self) -> None:
        """Write everything that is left, the cached hashes last."""
        try:
            self._session.track(self._lock_files.close())
            self._fast_recorder.remember()
        finally:
            self._workspace.hashes.save()
