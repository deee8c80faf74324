"""The page of a Metaflow run, gathered from its artifacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from metaflow import Flow, Run

from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Stage, overlap
from dvc_bridge.report.metric_files import metric_files, parsed, table
from dvc_bridge.report.values import RunReport, Table

from .client import Ended, read_run
from .errors import DvcStageError
from .run_artifact import DvcRun, read_out

# Gives the bytes of an out by its path from the project's root; None: they are not to be had here.
Read = Callable[[str], bytes | None]
_GRAPH = "_graph_info"  # an artifact of Metaflow's own
_MOST_BEFORE = 50  # runs that are looked at for the one to compare with


@dataclass(frozen=True)
class Content:
    """What a run has made that its page shows; paths are from the project's root."""

    ends: Sequence[Result]
    outs: Mapping[str, Mapping[str, Any]]
    metrics: Sequence[str]
    plots: Sequence[PlotSpec]
    read: Read

    def metric_values(self) -> dict[str, Any]:
        """Return what is in each metrics file; None where it cannot be read."""
        return {file: parsed(file, self.read(file)) for file in self.metrics}


def reader(told: DvcRun) -> Read:
    """Return what reads a run's outs where its steps have left them."""

    def read(path: str) -> bytes | None:
        try:
            return read_out(told, path)
        except (DvcStageError, FileNotFoundError):
            return None

    return read


def content_told(told: DvcRun, read: Read) -> Content:
    """Return the content of a run whose steps are `@dvc_stage`."""
    specs = [told["stages"][name] for name in told["results"]]
    ends = [Result(**end) for end in told["results"].values()]
    metrics = [file for spec in specs for file in metric_files(spec["wdir"], spec["data"])]
    plots = [p for p in told["plots"] if any(overlap(p["file"], at) for at in told["outs"])]
    return Content(ends, told["outs"], metrics, plots, read)


def content_stored(
    stages: Sequence[Stage], results: Mapping[str, Result], plots: Sequence[PlotSpec], read: Read
) -> Content:
    """Return the content of a run whose results are in the DVC remote."""
    ran = [stage for stage in stages if stage.address in results]
    outs = {at: out for stage in ran for at, out in results[stage.address].outs(stage).items()}
    metrics = [file for stage in ran for file in metric_files(stage.wdir, stage.data)]
    shown = [spec for spec in plots if any(overlap(spec["file"], at) for at in outs)]
    return Content([results[stage.address] for stage in ran], outs, metrics, shown, read)


def content_left(ended: Ended) -> Content:
    """Return the content of a run of `@dvc_stage` steps, read where they have left it.

    Raises
    ------
    UsageError
        It has no such step.
    """
    if ended.told is None:
        raise UsageError(f"no stage of {ended.pathspec} has finished", "wait for one")
    return content_told(ended.told, reader(ended.told))


def report_of(run: Run, ended: Ended, content_of: Callable[[Ended], Content]) -> RunReport:
    """Return the page's values; the run before counts where its metrics can be read."""
    content = content_of(ended)
    before, before_metrics = _before(run, content_of)
    notes = []
    if not ended.successful:
        names = ", ".join(ended.unfinished) or "its next step"
        notes.append(f"This run did not end well, or still runs. Not finished: {names}.")
    return RunReport(
        pathspec=run.pathspec,
        flow=run.path_components[0],
        began=run.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        about=_about(run),
        revision=ended.revision,
        dirty=ended.dirty,
        notes=notes,
        ends=content.ends,
        outs=content.outs,
        metrics=content.metric_values(),
        before=before,
        before_metrics=before_metrics,
        plots=[Table(p, table(p["file"], content.read(p["file"]))) for p in content.plots],
    )


def _before(run: Run, content_of: Callable[[Ended], Content]) -> tuple[str, dict[str, Any]]:
    """Return the pathspec and the metrics of the last run that ended well before this one began."""
    runs = zip(Flow(run.path_components[0]), range(_MOST_BEFORE), strict=False)
    earlier = (other for other, _ in runs if other.created_at < run.created_at)
    before = next((other for other in earlier if other.successful), None)
    if before is None:
        return "", {}
    try:
        values = content_of(read_run(before)).metric_values()
    except BridgeError:  # it has no stages, or they are told in the words of an older version
        return "", {}
    known = {file: value for file, value in values.items() if value is not None}
    return (before.pathspec, known) if known else ("", {})


def _about(run: Run) -> str:
    """Return the first paragraph of what the flow says of itself."""
    tasks = (task for step in run for task in step)
    graph: dict[str, Any] = next((t[_GRAPH].data for t in tasks if _GRAPH in t), {})
    first = str(graph.get("doc") or "").strip().partition("\n\n")[0]
    return " ".join(first.split())
