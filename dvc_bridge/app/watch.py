"""Watching a remote run until its results can be merged."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dvc_bridge.app.context import RunContext
from dvc_bridge.app.early_download import EarlyDownload
from dvc_bridge.app.follow import follow_run
from dvc_bridge.engines.base import Engine
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.ui.view import View


def watch_run(
    context: RunContext,
    engine: Engine,
    attempt: str,
    run: str,
    stages: Sequence[Sequence[Stage]],
    upstream: Sequence[Sequence[TaskNumber]],
    view: View,
    *,
    done: Collection[TaskNumber] = (),
) -> RunStatus:
    """Show an attempt of a run until it has ended, and prepare the merge of its results.

    Results are downloaded into the cache while other tasks still run.

    Parameters
    ----------
    stages
        The stages of each task.
    upstream
        For each task, the numbers of those that it waits for.
    done
        Tasks that are not part of this attempt.

    Raises
    ------
    UsageError
        A task cannot start, or the project's files have changed and cannot be read.
    """
    early_download = EarlyDownload(context.session, *context.store(run), stages)
    with early_download.running():
        status = follow_run(
            engine,
            attempt,
            run,
            [[stage.address for stage in of_task] for of_task in stages],
            upstream,
            view,
            context.lock,
            on_success=early_download.add,
            done=done,
        )
    engine.forget(run.__eq__)
    context.read_after(run)
    return status
