"""The report of a run, from its trace, dvc.lock, the cache and a git revision to compare with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from dvc_bridge.app.out_reader import OutReader
from dvc_bridge.app.param_changes import param_changes, run_params
from dvc_bridge.app.run_entries import run_entries, run_outs
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.reading.revision_values import Values, revision_values
from dvc_bridge.dvcio.reading.settings import read_unchecked_settings
from dvc_bridge.dvcio.reading.top_level import read_paths
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import commit
from dvc_bridge.local.trace_file import read_trace
from dvc_bridge.pipeline.stage import Pipeline, Stage, overlap
from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.report.metric_files import metric_files, parsed
from dvc_bridge.report.plot_tables import plot_tables
from dvc_bridge.report.values import RunReport

HEAD = "HEAD"
# DVC's name for the current files, which are not a revision.
_WORKSPACE = "workspace"
_MOST_NAMES = 5
_NEXT = "name another: --base REV"


def with_prices(report: RunReport) -> RunReport:
    """Return a report with the prices of this project; without a project, there are none."""
    try:
        project = find_project()
    except UsageError:
        return report
    return replace(report, prices=read_unchecked_settings(project).prices)


def trace_report(run: str | None = None) -> RunReport:
    """Return only the trace of a run and the prices: they need no valid dvc.yaml.

    Parameters
    ----------
    run
        The name of the run; None: the last one.

    Raises
    ------
    UsageError
        There is no such run.
    """
    project = find_project()
    trace = read_trace(project, run)
    return with_prices(RunReport(trace.run, project.root.name, trace))


def run_report(run: str | None = None, base: str | None = None) -> RunReport:
    """Return the report of a run.

    Parameters
    ----------
    run
        The name of the run; None: the last one.
    base
        The git revision to compare metrics and params with; None: HEAD, if there is one.

    Raises
    ------
    UsageError
        There is no such run or no such revision.
    """
    project = find_project()
    trace = read_trace(project, run)
    pipeline = read_pipeline(project)
    entries = run_entries(project, trace, pipeline)
    outs = run_outs(entries, pipeline)
    reader = OutReader(project, outs)
    before = _base(project, base)
    top_level = read_paths(project.root, pipeline, "metrics")
    declared = {*_metrics(pipeline.stages), *top_level}
    own = [stage for stage in pipeline.stages if entries.get(stage.address)]
    paths = [*_metrics(own), *(path for path in top_level if _is_of(outs, path))]
    metrics = dict.fromkeys(file for path in paths for file in reader.files(path))
    plots = [spec for spec in read_plots(project.root, pipeline) if _is_of(outs, spec["file"])]
    return RunReport(
        pathspec=trace.run,
        flow=project.root.name,
        trace=trace,
        revision=trace.revision or None,
        notes=[*before.notes, *_removed_stages(trace, pipeline)],
        outs=outs,
        metrics={file: parsed(file, reader.read(file)) for file in metrics},
        before=before.name,
        before_metrics=_comparable(before.metrics, metrics, declared),
        plots=plot_tables(plots, reader.read, reader.files),
        params=param_changes(entries, pipeline, before.params) if before.name else None,
        inputs={f"{file}.{name}": v for (file, name), v in run_params(entries, pipeline).items()},
        prices=read_unchecked_settings(project).prices,
    )


@dataclass(frozen=True)
class _Base:
    """A revision to compare with; without a name, there is none."""

    name: str = ""
    metrics: Values = field(default_factory=dict)
    params: Values = field(default_factory=dict)
    notes: Sequence[str] = ()


def _base(project: Project, base: str | None) -> _Base:
    try:
        revision = commit(project, HEAD if base is None else base)
    except UsageError:
        if base is None:  # no git, or nothing is committed
            return _Base()
        if project.git_root is None:
            raise
        if base in ("", _WORKSPACE):
            raise UsageError(f"{base!r} is not a revision", _NEXT) from None
        revision = base  # DVC also knows the names of experiments
    try:
        return _Base(base or HEAD, *revision_values(project, revision, base or HEAD))
    except UsageError as exc:
        if base is not None:
            raise
        return _Base(notes=[f"{exc.message}. Metrics and params are not compared."])


def _metrics(stages: Iterable[Stage]) -> list[str]:
    return [path for stage in stages for path in metric_files(stage.wdir, stage.data)]


def _is_of(outs: Collection[str], path: str) -> bool:
    return path in outs or any(overlap(path, out) for out in outs)


def _comparable(before: Values, own: Collection[str], declared: Collection[str]) -> Values:
    """Return the metrics of a revision without those that only other stages have now."""
    others = {file for file in before if file not in own and _is_of(declared, file)}
    return {file: values for file, values in before.items() if file not in others}


def _removed_stages(trace: RunTrace, pipeline: Pipeline) -> Iterator[str]:
    """Yield that stages of the run do not exist any more, if that is so."""
    known = {stage.address for stage in pipeline.stages}
    removed = [stage.address for stage in trace.stages if stage.address not in known]
    if removed:
        names = ", ".join(removed[:_MOST_NAMES])
        more = f" and {len(removed) - _MOST_NAMES} more" if len(removed) > _MOST_NAMES else ""
        yield (
            f"The project does not have {names}{more} any more: metrics and plots of"
            f" {'it' if len(removed) == 1 else 'them'} are not shown."
        )
