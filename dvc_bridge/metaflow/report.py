"""The report of a Metaflow run, of which the run's card shows the same page."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from dvc_bridge.app.collect import stored_results
from dvc_bridge.app.context import RunContext
from dvc_bridge.app.current_folder import Warn
from dvc_bridge.dvcio.cached_objects import find, read_file
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.errors import BridgeError
from dvc_bridge.metaflow.client import Ended, find_run, read_run
from dvc_bridge.metaflow.run_report import (
    Content,
    Read,
    content_left,
    content_stored,
    content_told,
    report_of,
)
from dvc_bridge.pipeline.lock_entry import pointer_of, with_outs
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import is_inside
from dvc_bridge.remote_run.run_store import scratch_folder
from dvc_bridge.report.values import RunReport


def report(pathspec: str, *, warn: Warn) -> RunReport:
    """Return the report of a Metaflow run.

    Raises
    ------
    UsageError
        There is no such run, or none of its stages has finished.
    """
    run = find_run(pathspec)
    return report_of(run, read_run(run), partial(_content, warn))


def _content(warn: Warn, ended: Ended) -> Content:
    """Read the report's content from the run's own storage, or else through the local project.

    Raises
    ------
    UsageError
        No stage of the run has finished.
    """
    if not ended.stored:
        content = content_left(ended)
        files = [*content.metrics, *(spec["file"] for spec in content.plots)]
        if all(content.read(file) is not None for file in files):
            return content
    with RunContext(warn=warn) as context:
        if (artifact := ended.artifact) is not None:
            return content_told(artifact, _reader(context, ended, ended.results))
        results = stored_results(context, ended.name)
        read = _reader(context, ended, results)
        plots = read_plots(context.project.root, context.pipeline)
        return content_stored(context.pipeline.stages, results, plots, read)


def _reader(context: RunContext, ended: Ended, results: Mapping[str, Result]) -> Read:
    """Return a function that reads outs from the local cache, after fetching them to it."""
    objects = Objects(context.session, scratch_folder(ended.name))
    cache = context.project.cache
    outs_of_stages = {
        out_path: (stage, item)
        for stage in context.pipeline.stages
        if stage.address in results
        for out_path, item in results[stage.address].out_items(stage).items()
    }
    outs = {out_path: pointer_of(item) for out_path, (_, item) in outs_of_stages.items()}

    def read(path: str) -> bytes | None:
        with suppress(BridgeError, FileNotFoundError):
            for out_path, (stage, item) in outs_of_stages.items():
                if is_inside(path, out_path):
                    objects.fetch([(stage, with_outs({}, [item]))])
            file = find(cache, outs, path)
            return read_file(cache, file) if file else None
        return None

    return read
