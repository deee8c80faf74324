"""The report of a run, from its trace, dvc.lock, the cache and a git revision to compare with."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dvc_bridge.dvcio.cached_objects import find, read_file
from dvc_bridge.dvcio.hashes import md5_of
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.dvcio.reading.plots import read_plots
from dvc_bridge.dvcio.reading.revision_values import Values, revision_values
from dvc_bridge.dvcio.reading.settings import read_unchecked_settings
from dvc_bridge.errors import BridgeError, UsageError
from dvc_bridge.git.revision import commit
from dvc_bridge.local.trace_file import read_trace
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, item_path, lock_items, pointer_of
from dvc_bridge.pipeline.stage import Pipeline, overlap
from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.report.metric_files import metric_files, parsed, table
from dvc_bridge.report.values import ParamChange, RunReport, Table, param_values

HEAD = "HEAD"


def with_prices(report: RunReport) -> RunReport:
    """Return a report with the prices of this project; without a project, there are none."""
    try:
        project = find_project()
    except UsageError:
        return report
    return replace(report, prices=read_unchecked_settings(project).prices)


def last_trace(run: str | None = None) -> RunTrace:
    """Return the trace of a run of this project; None: the last one.

    Raises
    ------
    UsageError
        There is no such trace.
    """
    return read_trace(find_project(), run)


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
    entries = _entries(trace, pipeline)
    outs = dict(_outs(entries, pipeline))
    name, metrics_before, params_before = _base(project, base)
    stages = [stage for stage in pipeline.stages if stage.address in entries]
    metrics = [file for stage in stages for file in metric_files(stage.wdir, stage.data)]
    plots = [
        spec
        for spec in read_plots(project.root, pipeline)
        if any(overlap(spec["file"], path) for path in outs)
    ]
    reader = _OutReader(project, outs)
    return RunReport(
        pathspec=trace.run,
        flow=project.root.name,
        trace=trace,
        revision=trace.revision or None,
        outs=outs,
        metrics={file: parsed(file, reader.read(file)) for file in metrics},
        before=name,
        before_metrics=metrics_before,
        plots=[Table(spec, table(spec["file"], reader.read(spec["file"]))) for spec in plots],
        params=_param_changes(entries, pipeline, params_before) if name else None,
        prices=read_unchecked_settings(project).prices,
    )


def _entries(trace: RunTrace, pipeline: Pipeline) -> dict[str, LockEntry]:
    """Return what the run read and wrote, by address; dvc.lock has the unchanged stages."""
    locks = {stage.address: stage.lock or {} for stage in pipeline.stages}
    return {
        stage.address: stage.entry
        or (locks.get(stage.address, {}) if stage.outcome == "up to date" else {})
        for stage in trace.stages
    }


def _outs(entries: Mapping[str, LockEntry], pipeline: Pipeline) -> Iterator[tuple[str, Pointer]]:
    folders = {stage.address: stage.wdir for stage in pipeline.stages}
    for address, entry in entries.items():
        for item in lock_items(entry, "outs"):
            path = posixpath.join(folders.get(address, "."), item_path(item))
            yield posixpath.normpath(path), pointer_of(item)


def _base(project: Project, base: str | None) -> tuple[str, Values, Values]:
    """Return the name of the revision to compare with, its metrics and its params."""
    if base is None:
        try:
            commit(project, HEAD)
        except BridgeError:  # no git, or nothing is committed
            return "", {}, {}
    metrics, params = revision_values(project, base or HEAD)
    return base or HEAD, metrics, params


def _param_changes(
    entries: Mapping[str, LockEntry], pipeline: Pipeline, before: Values
) -> list[ParamChange]:
    """Return the parameters of the run's stages that differ from the revision."""
    folders = {stage.address: stage.wdir for stage in pipeline.stages}
    changes: dict[str, ParamChange] = {}
    for address, entry in entries.items():
        for file, values in (entry.get("params") or {}).items():
            path = posixpath.normpath(posixpath.join(folders.get(address, "."), file))
            for key, value in values.items():
                old = param_values(_value_at(before.get(path), key), key)
                new = param_values(value, key)
                for leaf in dict.fromkeys([*old, *new]):
                    if old.get(leaf) != new.get(leaf):
                        name = f"{path}:{leaf}"
                        changes[name] = ParamChange(name, old.get(leaf), new.get(leaf))
    return [changes[name] for name in sorted(changes)]


def _value_at(values: Any, key: str) -> Any:
    """Return the value of a parameter as DVC finds it; None if there is none."""
    for part in key.split("."):
        if isinstance(values, Mapping) and key in values:
            return values[key]
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdecimal() and int(part) < len(values):
            values = values[int(part)]
        else:
            return None
    return values


class _OutReader:
    """Reads outs from the cache, or from the workspace while it holds the same content."""

    def __init__(self, project: Project, outs: Mapping[str, Pointer]) -> None:
        self._project, self._outs = project, outs

    def read(self, path: str) -> bytes | None:
        """Return the content of an out, or of a file in one; None if it is not here."""
        with suppress(BridgeError, OSError):
            if (pointer := find(self._project.cache, self._outs, path)) is not None:
                return self._read(path, pointer)
        return None

    def _read(self, path: str, pointer: Pointer) -> bytes:
        file = self._project.root / path
        if file.is_file() and md5_of(file) == pointer.get("md5"):
            return file.read_bytes()
        return read_file(self._project.cache, pointer)
