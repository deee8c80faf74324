"""Running stages on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dvc_bridge.app.current_folder import from_here
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline, read_settings
from dvc_bridge.local.runner import Options
from dvc_bridge.local.runner import repro as run
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.outcome import Summary
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.planning.targets import Selection, files_of, select
from dvc_bridge.ui.view import View

if TYPE_CHECKING:
    from dvc_bridge.verify.reproducible import Verified


def repro(
    selection: Selection,
    *,
    jobs: int = 1,
    keep_going: bool = False,
    force: bool = False,
    allow_missing: bool = False,
    view: View,
) -> Summary:
    """Run the selected stages in parallel, with the results of `dvc repro`.

    The summary contains failed stages; all other results are recorded.

    Parameters
    ----------
    jobs
        How many stages run at a time.
    keep_going
        Whether to keep running stages that do not depend on a failed one.
    force
        Whether stages that are up to date run too.
    allow_missing
        Whether stages whose data are missing, but which are unchanged otherwise, do not run.

    Raises
    ------
    UsageError
        The project or its settings are not valid; no command was run.
    """
    project = find_project()
    lock = RepositoryLock(project)
    with lock.held():
        pipeline, order, options = _options(project, selection, jobs, keep_going, force)
        options = replace(options, allow_missing=allow_missing)
        return run(project, pipeline, order, options, view, lock)


def verify(selection: Selection, view: View) -> Verified:
    """Run each selected stage again in a clean copy that has only its deps.

    Raises
    ------
    UsageError
        The project or its settings are not valid.
    """
    from dvc_bridge.verify.reproducible import verify as run_again  # noqa: PLC0415  seldom

    project = find_project()
    with RepositoryLock(project).held():
        pipeline, order, _ = _options(project, selection, 1, keep_going=False, force=False)
        return run_again(project, [pipeline.stages[position] for position in order], view)


def _options(
    project: Project, selection: Selection, jobs: int, keep_going: bool, force: bool
) -> tuple[Pipeline, Sequence[StagePosition], Options]:
    selection = from_here(selection, project)
    pipeline = read_pipeline(project, files_of(selection))
    order = select(pipeline, selection)
    addresses = [pipeline.stages[position].address for position in order]
    mutexes = read_settings(project, pipeline).mutex_groups(addresses)
    options = Options(jobs, keep_going, force, alone=selection.alone, mutexes=mutexes)
    return pipeline, order, options
