"""A Metaflow run as a page; the card of the run is the same page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from dvc_bridge.app.collect import stored_results
from dvc_bridge.app.context import RunContext, Warn
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.errors import BridgeError
from dvc_bridge.metaflow.sync import metaflow_client
from dvc_bridge.pipeline.result import Result
from dvc_bridge.remote_run.run_store import scratch_folder
from dvc_bridge.report.page import page

if TYPE_CHECKING:
    from dvc_bridge.metaflow.client import Ended
    from dvc_bridge.metaflow.run_report import Content, Read


def report(pathspec: str, *, warn: Warn) -> str:
    """Return the page of a Metaflow run.

    Raises
    ------
    UsageError
        There is no such run, or it has nothing to show yet.
    """
    client = metaflow_client()
    from dvc_bridge.metaflow.run_report import report_of  # noqa: PLC0415  it imports Metaflow

    run = client.find_run(pathspec)
    return page(report_of(run, client.read_run(run), partial(_content, warn)))


def _content(warn: Warn, ended: Ended) -> Content:
    """Read what is shown where the run has left it, or else through the project here.

    Raises
    ------
    UsageError
        The run has nothing to show yet.
    """
    from dvc_bridge.metaflow.run_report import (  # noqa: PLC0415  as above
        content_left,
        content_stored,
        content_told,
    )

    if not ended.stored:
        content = content_left(ended)
        files = [*content.metrics, *(spec["file"] for spec in content.plots)]
        if all(content.read(file) is not None for file in files):
            return content
    with RunContext(warn=warn) as context:
        if ended.told is not None:
            return content_told(ended.told, _reader(context, ended, ended.results))
        results = stored_results(context, ended.name)
        read = _reader(context, ended, results)
        plots = read_plots(context.project.root, context.pipeline)
        return content_stored(context.pipeline.stages, results, plots, read)


def _reader(context: RunContext, ended: Ended, results: Mapping[str, Result]) -> Read:
    """Return what reads outs from the cache here, into which they come from the remote."""
    from dvc_bridge.metaflow.objects import find, read_file  # noqa: PLC0415

    objects = Objects(context.session, scratch_folder(ended.name))
    cache = context.project.cache
    made = {
        at: (stage, pointer)
        for stage in context.pipeline.stages
        if stage.address in results
        for at, pointer in results[stage.address].outs(stage).items()
    }
    outs = {at: pointer for at, (_, pointer) in made.items()}

    def read(path: str) -> bytes | None:
        with suppress(BridgeError, FileNotFoundError):
            for at, (stage, pointer) in made.items():
                if path == at or path.startswith(f"{at}/"):
                    objects.fetch([(stage, {"outs": [pointer]})])
            found = find(cache, outs, path)
            return read_file(cache, found) if found else None
        return None

    return read
