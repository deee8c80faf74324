"""The forecast of a run, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dvc_bridge.app.current_folder import Warn, from_here
from dvc_bridge.app.forecast_sources import forecast_sources
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project, has_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.local.history import History
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.critical_path import Timeline, timeline
from dvc_bridge.planning.data_location import DataLocation, locate
from dvc_bridge.planning.forecast import Forecast, forecast
from dvc_bridge.planning.targets import Selection, files_of, select

if TYPE_CHECKING:
    from dvc_bridge.pipeline.project_settings import Settings
    from dvc_bridge.planning.grouping.tasks_from_settings import Division


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
    locations
        Where the recorded outs of each stage are; None: none are recorded.
    """

    forecasts: tuple[Forecast, ...]
    timeline: Timeline
    division: Division | None
    locations: tuple[DataLocation | None, ...]


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
        # --pull needs the stages that write the deps.
        files = None if flags.pull else files_of(selection)
        pipeline = read_pipeline(project, files)
        remote = _remote_settings(project, pipeline)
        order = select(pipeline, selection)
        workspace = Workspace(project)
        pulled = None
        if flags.pull:
            from dvc_bridge.dvcio.remotes.pulled_state import (  # noqa: PLC0415  the remotes
                PulledState,
            )

            pulled = PulledState(project, pipeline, workspace, session)
        sources = forecast_sources(
            session,
            pipeline,
            workspace,
            pulled,
            flags,
            alone=selection.alone,
            restores=remote is None,
            assume_pulled=assume_pulled,
        )
        forecasts = forecast(
            pipeline,
            order,
            sources,
            force=flags.force,
            force_downstream=flags.force_downstream,
            alone=selection.alone,
        )
        ask = pulled.has if pulled else None
        locations = [locate(f.stage, workspace.is_here, ask) for f in forecasts]
        workspace.hashes.save()
    history = History(project)
    division = _divide(pipeline, forecasts, remote, history) if remote else None
    return Plan(tuple(forecasts), timeline(forecasts, history.seconds), division, tuple(locations))


def _remote_settings(project: Project, pipeline: Pipeline) -> Settings | None:
    """Return the settings if they describe how to run stages remotely."""
    if not has_settings(project.root):
        return None
    from dvc_bridge.dvcio.reading.settings import (  # noqa: PLC0415  see `has_settings`
        read_settings,
    )

    settings = read_settings(project, pipeline)
    return settings if settings.is_remote else None


def _divide(
    pipeline: Pipeline, forecasts: Sequence[Forecast], settings: Settings, history: History
) -> Division | None:
    from dvc_bridge.engines.registry import engine_type  # noqa: PLC0415  not for local runs
    from dvc_bridge.planning.grouping.tasks_from_settings import (  # noqa: PLC0415  as above
        backward_stages,
        divide_into_tasks,
        in_pods,
    )

    running = in_pods(forecasts)
    if backward_stages(pipeline, running):
        return None
    addresses = [pipeline.stages[position].address for position in running]
    costs = engine_type(settings.engine).costs(settings)
    return divide_into_tasks(
        pipeline,
        running,
        settings,
        history.seconds,
        costs,
        last_costs=history.costs_of_last_run(settings.engine, costs),
        seen=history.memory.seen if settings.has_auto_memory(addresses) else {},
    )
