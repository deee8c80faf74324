"""Running stages on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dvc_bridge.app.current_folder import from_here
from dvc_bridge.dvcio.locks import RepositoryLock
from dvc_bridge.dvcio.project import Project, find_project, find_root, has_settings
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.local.repro import repro as run
from dvc_bridge.local.runner import Options
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.run_summary import Summary
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.pipeline.trace import requests_of
from dvc_bridge.planning.targets import Selection, files_of, select
from dvc_bridge.ui.view import View

if TYPE_CHECKING:
    from dvc_bridge.verify.reproducible import Verified


def repro(
    selection: Selection,
    flags: RunFlags,
    view: View,
    confirm: Callable[[str], bool] = lambda _: False,
) -> Summary:
    """Run the selected stages in parallel, with the results of `dvc repro`.

    The summary contains failed stages; all other results are recorded.

    Parameters
    ----------
    confirm
        Asks the user a question for `interactive`, and returns whether the answer is yes.

    Raises
    ------
    UsageError
        The project or its settings are not valid; no command was run.
    """
    project = find_project()
    lock = RepositoryLock(project)
    with lock.held():
        pipeline, order, options = _options(project, selection, flags)
        options = replace(options, confirm=confirm)
        return run(project, pipeline, order, options, view, lock)


def default_jobs() -> int:
    """Return how many stages run at a time if the command does not say so."""
    root = find_root()
    if root is None or not has_settings(root):
        return 1  # without reading the settings of DVC
    from dvc_bridge.dvcio.reading.settings import (  # noqa: PLC0415  see `has_settings`
        read_unchecked_settings,
    )

    return read_unchecked_settings(find_project()).jobs or 1


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
        pipeline, order, _ = _options(project, selection, RunFlags())
        return run_again(project, [pipeline.stages[position] for position in order], view)


def _options(
    project: Project, selection: Selection, flags: RunFlags
) -> tuple[Pipeline, Sequence[StagePosition], Options]:
    selection = from_here(selection, project)
    # --pull needs the stages that write the deps.
    files = None if flags.pull else files_of(selection)
    pipeline = read_pipeline(project, files)
    order = select(pipeline, selection)
    addresses = [pipeline.stages[position].address for position in order]
    if str(project.config.get("core", {}).get("interactive", "")).lower() == "true":
        flags = replace(flags, interactive=True)
    options = Options(flags, alone=selection.alone, requests=lambda _: {})
    if has_settings(project.root):
        options = _with_settings(project, pipeline, addresses, options)
    return pipeline, order, options


def _with_settings(
    project: Project, pipeline: Pipeline, addresses: Sequence[str], options: Options
) -> Options:
    from dvc_bridge.dvcio.reading.settings import (  # noqa: PLC0415  see `has_settings`
        read_settings,
    )

    settings = read_settings(project, pipeline)
    return replace(
        options,
        mutexes=settings.mutex_groups(addresses),
        limits=settings.limited_groups(addresses),
        requests=lambda address: requests_of(settings.pod(address)),
    )
