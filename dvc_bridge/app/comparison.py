"""Metrics, parameters and plots of the current files, compared with a git revision."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.reading.yaml12 import parse, text_of
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import commit, content_at, files_at
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline
from dvc_bridge.report.metric_files import metric_files, parsed, table
from dvc_bridge.report.values import RunReport, Table, metric_values, param_values


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
        are_equal = self.here == self.before or repr(self.here) == repr(self.before)  # NaN
        return not are_equal


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
    files = _Files(project, sha)
    metrics = list(dict.fromkeys(_metric_files(project, pipeline)))
    params = sorted({params.at for stage in pipeline.stages for params in stage.params})
    specs = [s for s in read_plots(project.root, pipeline) if s["file"] not in metrics]
    plots = list(dict.fromkeys(spec["file"] for spec in specs))
    here = {file: parsed(file, files.here(file)) for file in metrics}
    all_metrics = dict.fromkeys([*metrics, *_metric_files_at(project, sha)])
    before = {file: parsed(file, files.before(file)) for file in all_metrics}
    page = RunReport(
        pathspec=f"{commit(project, 'HEAD')[:12]} compared with {sha[:12]}",
        flow=project.root.name,
        trace=None,
        revision=commit(project, "HEAD"),
        metrics={file: value for file, value in here.items() if value is not None},
        before=sha[:12],
        before_metrics={file: value for file, value in before.items() if value is not None},
        plots=[Table(s, rows) for s in specs if (rows := table(s["file"], files.here(s["file"])))],
    )
    return Comparison(
        revision=sha,
        metrics=list(_values(here, before, metric_values)),
        params=[
            value
            for value in _values(
                {file: parsed(file, files.here(file)) for file in params},
                {file: parsed(file, files.before(file)) for file in params},
                param_values,
            )
            if value.changed
        ],
        plots=[file for file in plots if files.here(file) != files.before(file)],
        unread=[file for file in (*metrics, *plots) if files.here(file) is None],
        page=page,
    )


class _Files:
    """The content of files of a project, here and at a commit."""

    def __init__(self, project: Project, sha: str) -> None:
        self._project, self._sha = project, sha
        self._here: dict[str, bytes | None] = {}
        self._before: dict[str, bytes | None] = {}

    def here(self, file: str) -> bytes | None:
        if file not in self._here:
            path = self._project.root / file
            self._here[file] = path.read_bytes() if path.is_file() else None
        return self._here[file]

    def before(self, file: str) -> bytes | None:
        if file not in self._before:
            self._before[file] = content_at(self._project, self._sha, file)
        return self._before[file]


def _metric_files(project: Project, pipeline: Pipeline) -> Iterator[str]:
    for stage in pipeline.stages:
        if stage.name:
            yield from metric_files(stage.wdir, stage.data)
    for file in sorted(pipeline.files):
        if posixpath.basename(file) == DVC_YAML:
            content = parse(text_of(project.root / file, file), file)
            yield from metric_files(posixpath.dirname(file) or ".", content)


def _metric_files_at(project: Project, sha: str) -> Iterator[str]:
    """Yield the metrics files of a commit, except those whose name is a template."""
    for file in files_at(project, sha, DVC_YAML):
        try:
            content = parse((content_at(project, sha, file) or b"").decode("utf-8"), file)
        except (UsageError, UnicodeDecodeError):  # the commit has no valid dvc.yaml there
            continue
        folder = posixpath.dirname(file) or "."
        stages = content.get("stages") if isinstance(content, dict) else None
        for entry in (content, *(stages.values() if isinstance(stages, dict) else ())):
            if isinstance(entry, dict) and isinstance(entry.get("metrics"), list):
                wdir = posixpath.join(folder, str(entry.get("wdir") or "."))
                yield from (name for name in metric_files(wdir, entry) if "${" not in name)


def _values(
    here: Mapping[str, Any], before: Mapping[str, Any], leaves: Callable[[Any], dict[str, Any]]
) -> Iterator[Value]:
    for file in dict.fromkeys([*here, *before]):
        now, then = leaves(here.get(file)), leaves(before.get(file))
        for name in dict.fromkeys([*now, *then]):
            yield Value(file, name, now.get(name), then.get(name))
