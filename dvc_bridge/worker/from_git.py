"""Planning in the pod, for Workflows whose code comes from a git revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.settings import read_settings
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import VersionMismatchError
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.ranges import positions_in, ranges, shape
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.exclusion import exclusive_groups
from dvc_bridge.planning.forecast import Forecast, Verdict
from dvc_bridge.remote_run.remote_state import RemoteState
from dvc_bridge.remote_run.run_store import Store
from dvc_bridge.remote_run.settle import Settled
from dvc_bridge.remote_run.task import PlannedTask
from dvc_bridge.remote_run.task_plan import plan_tasks


def plan_of(
    project: Project, pipeline: Pipeline, positions: Sequence[StagePosition]
) -> dict[str, str]:
    """Return the data from which every pod of a Workflow plans its task.

    Parameters
    ----------
    positions
        The positions of all stages that the pods of the Workflow bring up to date.
    """
    base = project.git_root or project.root
    return {
        "dvc": version("dvc"),
        "root": project.root.relative_to(base).as_posix(),
        "shape": shape(pipeline),
        "stages": ranges(positions),
    }


def entry_at(
    project: Project, session: Session, store: Store, plan: Mapping[str, str], reference: str
) -> PlannedTask:
    """Return the task of one group from a checkout; its lock entries decide what is unchanged.

    Parameters
    ----------
    plan
        The value that `plan_of` returned.
    reference
        `<number>:<positions>`.

    Raises
    ------
    VersionMismatchError
        The stages have changed since the manifest was made.
    """
    pipeline = read_pipeline(project)
    if shape(pipeline) != plan["shape"]:
        raise VersionMismatchError(
            "the stages of this revision differ from those that the manifest was made for",
            "run dvc-bridge convert at this revision",
        )
    positions = positions_in(reference.partition(":")[2])
    store.put_stages([pipeline.stages[p].address for p in positions_in(plan["stages"])])
    addresses = [pipeline.stages[p].address for p in positions]
    settings = read_settings(project, pipeline)
    waiting = (
        Forecast(p, pipeline.stages[p], Verdict.MAY_RUN) for p in positions_in(plan["stages"])
    )
    (entry,) = plan_tasks(
        pipeline,
        Settled({}, tuple(waiting), ()),
        [positions],
        RemoteState(Workspace(project), Objects(session, ""), pipeline),
        root=plan["root"],
        git=True,
        force=False,
        jobs=[settings.pod(addresses[0]).jobs],
        mutexes=exclusive_groups(pipeline, positions_in(plan["stages"]), settings),
    )
    return replace(entry, dvc=plan["dvc"])
