"""Metrics, parameters and plots of the current files, compared with a git revision."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dvc_bridge.app.compared_files import ComparedFiles, wdir_of
from dvc_bridge.app.param_changes import is_covered
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.reading.stage_entry import DEFAULT_PARAMS
from dvc_bridge.dvcio.reading.top_level import read_paths
from dvc_bridge.git.revision import commit
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.report.metric_files import metric_files, parsed
from dvc_bridge.report.plot_tables import plot_tables
from dvc_bridge.report.values import RunReport, is_same, metric_values, param_values


@dataclass(frozen=True)
class Value:
    """A metric or a parameter here and at the revision; None: it does not exist there."""

    file: str
    name: str
    here: Any
    before: Any

    @property
    def changed(self) -> bool:
        """Whether the values differ."""
        return not is_same(self.here, self.before)


@dataclass(frozen=True)
class Comparison:
    """The current files of a project and those of a git revision.

    Parameters
    ----------
    revision
        The commit with which the files are compared.
    unread
        Metrics and plots of which this clone does not have the content.
    plots
        The files of plots whose content differs.
    page
        The values of an HTML report.
    """

    revision: str
    metrics: Sequence[Value]
    params: Sequence[Value]
    plots: Sequence[str]
    unread: Sequence[str]
    page: RunReport


def compare(revision: str) -> Comparison:
    """Compare the project with a git revision, without running anything or reading a remote.

    Raises
    ------
    UsageError
        The project is not valid, or this clone does not have the revision.
    """
    project = find_project()
    sha = commit(project, revision)
    pipeline = read_pipeline(project)
    files = ComparedFiles(project, sha, pipeline)
    metric_paths = list(dict.fromkeys(_metrics(project, pipeline)))
    metrics = _expanded(metric_paths, files.files_here)
    before_paths = dict.fromkeys([*metric_paths, *_metrics_before(files)])
    specs = [s for s in read_plots(project.root, pipeline) if s["file"] not in metrics]
    plots = _expanded((spec["file"] for spec in specs), files.files_here)
    here = {file: parsed(file, files.here(file)) for file in metrics}
    all_metrics = dict.fromkeys([*metrics, *_expanded(before_paths, files.files_before)])
    before = {file: parsed(file, files.before(file)) for file in all_metrics}
    page = RunReport(
        pathspec=f"{commit(project, 'HEAD')[:12]} compared with {sha[:12]}",
        flow=project.root.name,
        trace=None,
        revision=commit(project, "HEAD"),
        metrics={file: value for file, value in here.items() if value is not None},
        before=sha[:12],
        before_metrics={file: value for file, value in before.items() if value is not None},
        plots=[t for t in plot_tables(specs, files.here, files.files_here) if t.rows],
    )
    return Comparison(
        revision=sha,
        metrics=list(_values(here, before, metric_values)),
        params=list(_params(project, pipeline, files)),
        plots=[file for file in plots if files.here(file) != files.before(file)],
        unread=[file for file in (*metrics, *plots) if files.here(file) is None],
        page=page,
    )


def _expanded(paths: Iterable[str], files: Callable[[str], Sequence[str]]) -> list[str]:
    """Return the files that paths stand for, each once."""
    return list(dict.fromkeys(file for path in paths for file in files(path)))


def _metrics(project: Project, pipeline: Pipeline) -> Iterator[str]:
    for stage in pipeline.stages:
        if stage.name:
            yield from metric_files(stage.wdir, stage.data)
    yield from read_paths(project.root, pipeline, "metrics")


def _metrics_before(files: ComparedFiles) -> Iterator[str]:
    """Yield the metrics files of the commit, except those whose name is a template."""
    for file in files.dvc_yamls_before:
        content = files.dvc_yaml_before(file)
        stages = content.get("stages")
        for entry in (content, *(stages.values() if isinstance(stages, dict) else ())):
            if isinstance(entry, dict) and isinstance(entry.get("metrics"), list):
                found = metric_files(wdir_of(file, entry), entry)
                yield from (name for name in found if "${" not in name)


def _params(project: Project, pipeline: Pipeline, files: ComparedFiles) -> Iterator[Value]:
    """Yield the parameters that differ: those of stages, and all in files of the top level."""
    keys: dict[str, set[str]] = {}
    for stage in pipeline.stages:
        for params in stage.params:
            keys.setdefault(params.at, set()).update(params.keys or ("",))
    # DVC shows all parameters in its default file, in use or not.
    for file in (*read_paths(project.root, pipeline, "params"), DEFAULT_PARAMS):
        keys.setdefault(file, set()).add("")
    keys_before = {file: set(names) for file, names in keys.items()}
    for file, name in _params_before(files):
        keys_before.setdefault(file, set()).add(name)
    here = {file: parsed(file, files.here(file)) for file in sorted(keys)}
    before = {file: parsed(file, files.before(file)) for file in sorted(keys_before)}
    for value in _values(here, before, param_values):
        # What no stage reads any more is gone, even if the file still has it.
        is_read = is_covered(value.name, keys.get(value.file, ()))
        if is_read or is_covered(value.name, keys_before[value.file]):
            known = value if is_read else replace(value, here=None)
            if known.changed:
                yield known


def _params_before(files: ComparedFiles) -> Iterator[tuple[str, str]]:
    """Yield the parameters of stages of the commit, except those with templates."""
    for file in files.dvc_yamls_before:
        stages = files.dvc_yaml_before(file).get("stages")
        for entry in stages.values() if isinstance(stages, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get("params"), list):
                wdir = wdir_of(file, entry)
                for path, name in _read_params(entry["params"]):
                    if "${" not in f"{wdir}{path}{name}":
                        yield posixpath.normpath(posixpath.join(wdir, path)), name


def _read_params(items: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for item in items:
        if isinstance(item, str):
            yield DEFAULT_PARAMS, item
        elif isinstance(item, dict):
            for path, names in item.items():
                for name in names if isinstance(names, list) and names else ("",):
                    yield str(path), str(name)


def _values(
    here: Mapping[str, Any], before: Mapping[str, Any], leaves: Callable[[Any], dict[str, Any]]
) -> Iterator[Value]:
    for file in dict.fromkeys([*here, *before]):
        now, then = leaves(here.get(file)), leaves(before.get(file))
        for name in dict.fromkeys([*now, *then]):
            yield Value(file, name, now.get(name), then.get(name))
