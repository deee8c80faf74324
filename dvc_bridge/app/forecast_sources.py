"""The sources of information of a forecast, as the flags of a run say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dvc_bridge.dvcio.recording.dvc_check import ask_dvc
from dvc_bridge.dvcio.recording.run_cache import any_run, newest_run
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.stage import Pipeline, Stage, StageKind
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.forecast import DvcDecision, Pulls, Sources
from dvc_bridge.planning.pulled_data import PulledData

if TYPE_CHECKING:
    from dvc_bridge.dvcio.remotes.pulled_state import PulledState


def forecast_sources(
    session: Session,
    pipeline: Pipeline,
    workspace: Workspace,
    pulled: PulledState | None,
    flags: RunFlags,
    *,
    alone: bool,
    restores: bool,
    assume_pulled: bool = False,
) -> Sources:
    """Return what a forecast asks.

    Parameters
    ----------
    pulled
        The state of files after a download of missing data; None without `pull`.
    alone
        Whether each stage runs without regard to the others, as with `--single-item`.
    restores
        Whether results in the cache of this machine are restored.
    assume_pulled
        Whether to plan as if all data that are missing were in place as they were last recorded.
    """
    missing = AllowMissing.of(pipeline, alone=alone)
    rule = missing if flags.allow_missing or assume_pulled else None
    # With --force, DVC downloads nothing.
    pulled = None if flags.force else pulled
    pulls = None if pulled is None else Pulls(missing, pulled)

    def run(key: str) -> LockEntry | None:
        if not flags.run_cache:
            return None
        return newest_run(session.project, key) if pulled is None else pulled.run(key)

    def has_runs() -> bool:
        has_any = any_run(session.project) if pulled is None else pulled.has_runs()
        return flags.run_cache and has_any

    def ask(stage: Stage) -> DvcDecision:
        if assume_pulled and (stage.kind is StageKind.IMPORT or not stage.is_local):
            return DvcDecision()  # DVC would read a source outside the project, such as a URL
        return ask_dvc(
            session,
            stage,
            # DVC hashes all deps to look for a result, those that are missing too.
            restores=restores and not assume_pulled,
            upstream=None if rule is None else rule.upstream_of(stage),
            run_cache=flags.run_cache,
            pulled=None if pulls is None else missing.upstream_of(stage),
        )

    # With the rule or a download, no stage runs only to make a lost object again.
    lost = workspace.lost if rule is None and pulls is None else lambda _: frozenset()
    look = PulledData(workspace, pipeline) if assume_pulled else workspace
    return Sources(look, run, has_runs, ask, lost, None if assume_pulled else rule, pulls)
