"""The forecast of a run, with reasons."""

from __future__ import annotations

from dataclasses import dataclass

from dvc_bridge.app.current_folder import Warn, from_here
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline, read_settings
from dvc_bridge.dvcio.recording.dvc_check import ask_dvc
from dvc_bridge.dvcio.recording.run_cache import any_run, newest_run
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.critical_path import Timeline, timeline
from dvc_bridge.planning.forecast import Forecast, Sources, forecast
from dvc_bridge.planning.grouping.tasks_from_settings import (
    Division,
    backward_stages,
    divide_into_tasks,
    in_pods,
)
from dvc_bridge.planning.pulled_data import PulledData
from dvc_bridge.planning.targets import Selection, files_of, select


@dataclass(frozen=True)
class Plan:
    """The forecast of a run.

    Parameters
    ----------
    forecasts
        One for each selected stage, in DVC's order.
    timeline
        The critical path, and how long the run takes.
    division
        The tasks of a remote run; None: dvc-bridge.yaml has no settings for one.
    """

    forecasts: tuple[Forecast, ...]
    timeline: Timeline
    division: Division | None


def plan(selection: Selection, flags: RunFlags, *, assume_pulled: bool = False, warn: Warn) -> Plan:
    """Return what a run of the selected stages would do; nothing changes.

    Parameters
    ----------
    assume_pulled
        Whether to plan as if all data that are missing were in place as they were last recorded.
    warn
        Receives each warning.

    Raises
    ------
    UsageError
        The project or its settings are not valid.
    """
    check_version()
    project = find_project()
    with RepositoryLock(project).held(), Session(project, warn) as session:
        selection = from_here(selection, project)
        pipeline = read_pipeline(project, files_of(selection))
        settings = read_settings(project, pipeline)
        order = select(pipeline, selection)
        workspace = Workspace(project)
        allows = flags.allow_missing or assume_pulled
        rule = AllowMissing.of(pipeline, alone=selection.alone) if allows else None
        sources = Sources(
            PulledData(workspace, pipeline) if assume_pulled else workspace,
            lambda key: newest_run(project, key) if flags.run_cache else None,
            lambda: flags.run_cache and any_run(project),
            lambda stage: ask_dvc(
                session,
                stage,
                restores=not settings.is_remote,
                upstream=None if rule is None else rule.upstream_of(stage),
                run_cache=flags.run_cache,
            ),
            # With the rule, no stage runs only to make a lost object again.
            workspace.lost if rule is None else lambda _: frozenset(),
            None if assume_pulled else rule,
        )
        forecasts = forecast(
            pipeline,
            order,
            sources,
            force=flags.force,
            force_downstream=flags.force_downstream,
            alone=selection.alone,
        )
        workspace.hashes.save()
    seconds = History(project).seconds
    division, running = None, in_pods(forecasts)
    if settings.is_remote and not backward_stages(pipeline, running):
        from dvc_bridge.engines.registry import engine_type  # noqa: PLC0415  not for local runs

        costs = engine_type(settings.engine).costs(settings)
        division = divide_into_tasks(pipeline, running, settings, seconds, costs)
    return Plan(tuple(forecasts), timeline(forecasts, seconds), division)
