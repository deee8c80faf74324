"""Gather the values of a Metaflow run's report from the run's artifacts."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metaflow import Flow, Run

from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.lock_entry import Pointer, Section, item_path, lock_items
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.result import Result, result_from_plain, stage_trace_of
from dvc_bridge.pipeline.stage import Stage, overlap
from dvc_bridge.pipeline.task_times import ends_of, with_queued
from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.report.metric_files import metric_files, parsed
from dvc_bridge.report.plot_tables import plot_tables
from dvc_bridge.report.values import RunReport

from .client import Ended, read_run
from .errors import DvcStageError
from .read_out import read_out
from .run_artifact import DvcRun

# Returns the content of an out by its path from the project's root; None if it is unavailable.
Read = Callable[[str], bytes | None]
_GRAPH = "_graph_info"  # an artifact that Metaflow itself writes
_MAX_RUNS = 50  # runs to search for the one to compare with


@dataclass(frozen=True)
class Content:
    """The results of a run that its report shows; paths are relative to the project's root."""

    ends: Sequence[Result]
    outs: Mapping[str, Pointer]
    metrics: Sequence[str]
    plots: Sequence[PlotSpec]
    read: Read

    def metric_values(self) -> dict[str, Any]:
        """Return the values of each metrics file; None for a file that cannot be read."""
        return {file: parsed(file, self.read(file)) for file in self.metrics}


def reader(artifact: DvcRun) -> Read:
    """Return a function that reads a run's outs where its steps stored them."""

    def read(path: str) -> bytes | None:
        try:
            return read_out(artifact, path)
        except (DvcStageError, FileNotFoundError):
            return None

    return read


def content_told(artifact: DvcRun, read: Read) -> Content:
    """Return the content of a run with `@dvc_stage` steps."""
    specs = [artifact["stages"][name] for name in artifact["results"]]
    ends = [result_from_plain(end) for end in artifact["results"].values()]
    metrics = [file for spec in specs for file in metric_files(spec["wdir"], spec["data"])]
    plots = [
        p
        for p in artifact["plots"]
        if any(overlap(p["file"], out_path) for out_path in artifact["outs"])
    ]
    return Content(ends, artifact["outs"], metrics, plots, read)


def content_stored(
    stages: Sequence[Stage], results: Mapping[str, Result], plots: Sequence[PlotSpec], read: Read
) -> Content:
    """Return the content of a run whose results are in the DVC remote."""
    ran = [stage for stage in stages if stage.address in results]
    outs = {
        out_path: out
        for stage in ran
        for out_path, out in results[stage.address].outs(stage).items()
    }
    metrics = [file for stage in ran for file in metric_files(stage.wdir, stage.data)]
    plots_of_run = [
        spec for spec in plots if any(overlap(spec["file"], out_path) for out_path in outs)
    ]
    return Content([results[stage.address] for stage in ran], outs, metrics, plots_of_run, read)


def content_left(ended: Ended) -> Content:
    """Return the content of a run with `@dvc_stage` steps, read where they stored it.

    Raises
    ------
    UsageError
        No such step has finished.
    """
    artifact = ended.artifact
    if artifact is None:
        raise UsageError(
            f"no stage of {ended.pathspec} has finished", "wait until a stage has finished"
        )
    return content_told(artifact, reader(artifact))


def report_of(run: Run, ended: Ended, content_of: Callable[[Ended], Content]) -> RunReport:
    """Return the report's values, with the metrics of the previous run if they can be read."""
    content = content_of(ended)
    previous, before_metrics = _previous_run(run, content_of)
    notes = []
    if not ended.successful:
        names = ", ".join(ended.unfinished) or "its next step"
        notes.append(f"This run failed or is still running. Not finished: {names}.")
    return RunReport(
        pathspec=run.pathspec,
        flow=run.path_components[0],
        trace=_trace(run, content.ends),
        about=_description(run),
        revision=ended.revision,
        dirty=ended.dirty,
        notes=notes,
        outs=content.outs,
        metrics=content.metric_values(),
        before=previous,
        before_metrics=before_metrics,
        plots=plot_tables(content.plots, content.read),
    )


def _trace(run: Run, ends: Sequence[Result]) -> RunTrace:
    """Return the trace of a run; results of older versions know only how long bodies took.

    Its end is that of its last stage: a card is rendered before the run itself ends.
    """
    started = run.created_at.timestamp()
    stages = [
        replace(stage_trace_of(result), waits_for=waits_for)
        for result, waits_for in zip(ends, _upstream(ends), strict=True)
    ]
    return RunTrace(
        run.pathspec,
        "metaflow",
        started,
        ended=max(ends_of(stages), default=None),
        stages=tuple(with_queued(stages, started)),
    )


def _upstream(ends: Sequence[Result]) -> list[tuple[int, ...]]:
    """Return for each result the places of those whose outs its stage read."""
    makers = [(path, place) for place, result in enumerate(ends) for path in _paths(result, "outs")]
    return [
        tuple(
            sorted(
                {
                    place
                    for read in _paths(result, "deps")
                    for path, place in makers
                    if ends[place] is not result and overlap(read, path)
                }
            )
        )
        for result in ends
    ]


def _paths(result: Result, section: Section) -> list[str]:
    """Return the paths of deps or outs, from the project's root for stages without `wdir`."""
    file = result.address.rpartition(":")[0]
    folder = posixpath.dirname(file)
    items = lock_items(result.entry, section)
    return [posixpath.normpath(posixpath.join(folder, item_path(item))) for item in items]


def _previous_run(run: Run, content_of: Callable[[Ended], Content]) -> tuple[str, dict[str, Any]]:
    """Return the pathspec and the metrics of the last successful run before this one."""
    runs = zip(Flow(run.path_components[0]), range(_MAX_RUNS), strict=False)
    earlier = (other for other, _ in runs if other.created_at < run.created_at)
    previous = next((other for other in earlier if other.successful), None)
    if previous is None:
        return "", {}
    try:
        values = content_of(read_run(previous)).metric_values()
    except BridgeError:  # it has no stages, or an older version wrote them
        return "", {}
    readable = {file: value for file, value in values.items() if value is not None}
    return (previous.pathspec, readable) if readable else ("", {})


def _description(run: Run) -> str:
    """Return the first paragraph of the flow's docstring."""
    tasks = (task for step in run for task in step)
    graph: dict[str, Any] = next((t[_GRAPH].data for t in tasks if _GRAPH in t), {})
    first = str(graph.get("doc") or "").strip().partition("\n\n")[0]
    return " ".join(first.split())
