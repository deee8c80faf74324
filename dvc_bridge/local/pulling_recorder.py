"""The recorder of a run with `--pull`: it brings the data that a stage lacks before it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.dvcio.remotes.pull import Puller
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import BridgeError, MissingInputError
from dvc_bridge.local.dvc_recorder import DvcRecorder
from dvc_bridge.pipeline.numbering import RunIndex, StagePosition
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.stage import Pipeline, Stage
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.changes import UndecidedError, changes
from dvc_bridge.planning.next_action import current_inputs, in_run_cache
from dvc_bridge.planning.read_once import ReadOnce
from dvc_bridge.planning.recorded_data import data_to_pull, upstream_stages
from dvc_bridge.planning.run_cache_key import run_cache_key


class PullingRecorder(DvcRecorder):
    """Records stages as `DvcRecorder`, with data from the remotes as `dvc repro --pull` has them.

    Parameters
    ----------
    order
        The positions of the stages of the run in `pipeline`.
    alone
        Whether each stage runs without regard to the others, as with `--single-item`.
    show
        Receives the bytes of a download that have arrived, and all bytes of it.
    """

    def __init__(
        self,
        project: Project,
        session: Session,
        workspace: Workspace,
        unfinished: RecoveryLog,
        pipeline: Pipeline,
        order: Sequence[StagePosition],
        flags: RunFlags,
        show: Callable[[int, int], None],
        *,
        alone: bool,
    ) -> None:
        self._missing = AllowMissing.of(pipeline, alone=alone)
        rule = self._missing if flags.allow_missing else None
        super().__init__(project, session, workspace, unfinished, rule, flags)
        self._pipeline, self._order = pipeline, order
        upstream = upstream_stages(pipeline)
        self._puller = Puller(project, session, workspace, upstream, self.publish, show)
        self._is_first = True

    def settle(self, index: RunIndex, stage: Stage, *, force: bool) -> Outcome | None:
        """Do everything that does not need the stage's command; None: the command must run."""
        if self._is_first and not self._flags.force:
            self._is_first = False
            self._fetch_ahead()
        # With --force, DVC downloads nothing.
        if not force and self._brought(index, stage):
            return Outcome.UNCHANGED
        return super().settle(index, stage, force=force)

    def _brought(self, index: RunIndex, stage: Stage) -> bool:
        """Bring the data that the stage lacks; return whether it needs nothing else."""
        reader = ReadOnce(self._workspace)
        if not self._has_changed(index, stage, reader, self._allow_missing):
            return False
        is_changed = self._has_changed(index, stage, reader, self._missing)
        if not is_changed and self._puller.bring_outs(stage, index):
            return True
        self._ask_user(index, stage, force=False)
        if stage.cmd and not stage.frozen:
            self._puller.bring_inputs(stage, index)
            self._bring_result(stage)
        return False

    def _fetch_ahead(self) -> None:
        """Download what certainly is needed at once, because a remote serves many requests."""
        allow_missing = self._flags.allow_missing
        is_missing, reader = self._puller.is_missing, self._workspace
        outs = data_to_pull(
            self._pipeline, self._order, reader, is_missing, allow_missing=allow_missing
        )
        with suppress(BridgeError):  # the stage that needs it meets the problem again
            self._puller.fetch(outs)

    def _bring_result(self, stage: Stage) -> None:
        reader = ReadOnce(self._workspace)
        try:
            reasons = list(changes(stage, reader, self._allow_missing))
            inputs = current_inputs(stage, reader)
        except (UndecidedError, MissingInputError):
            return  # the stage is settled without it, or refused
        if reasons and all(change.what == "out" for change in reasons):
            self._puller.bring_result(stage, None)
        elif self._flags.run_cache and in_run_cache(stage):
            key = run_cache_key(inputs, [out.path for out in stage.outs])
            self._puller.bring_result(stage, key)
