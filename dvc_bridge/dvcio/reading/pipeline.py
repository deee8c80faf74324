"""Read a DVC project: its stages in the order of DVC's index, the edges, and dvc-bridge.yaml."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.discovery import dvc_files, is_dvc_file
from dvc_bridge.dvcio.reading.dvcignore import DvcIgnore
from dvc_bridge.dvcio.reading.schema import check_dvc_file, check_entry, check_lock
from dvc_bridge.dvcio.reading.stage_entry import resolve_path, stage_of_entry
from dvc_bridge.dvcio.reading.templates import resolve_stages
from dvc_bridge.dvcio.reading.yaml12 import parse, text_of
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.stage import (
    DVC_YAML,
    Dependency,
    Output,
    Pipeline,
    Stage,
    StageKind,
    lock_file,
)
from dvc_bridge.planning.graph import pipeline_of


def read_pipeline(project: Project, only: Iterable[str] | None = None) -> Pipeline:
    """Read every dvc.yaml, dvc.lock and .dvc file of the project.

    Parameters
    ----------
    only
        Read only these files (paths relative to the root), as DVC does for `--single-item`.

    Raises
    ------
    UsageError
        The project is invalid for DVC, or cannot be run in parallel; the message names file and
        line.
    """
    stages: list[Stage] = []
    outs: set[str] = set()
    ignore = DvcIgnore(project)
    problems: list[str] = []
    unreadable: list[UsageError] = []
    files = []
    groups: set[tuple[str, str]] = set()
    paths = dvc_files(project, ignore, outs) if only is None else _existing(project, only)
    for file in paths:
        files.append(file)
        try:
            content = read_file(project, file, ignore.ignores)
        except UsageError as error:
            unreadable.append(error)
            continue
        groups.update((file, name) for name in content.groups)
        for stage in content.stages:
            stages.append(stage)
            problems += _path_problems(project, stage, ignore)
            outs.update(f"{project.root}/{out.at}" for out in stage.outs if out.local)
    if unreadable:
        raise _joined(unreadable)
    if problems:
        raise UsageError(
            "\n".join(problems),
            "choose other paths; dvc check-ignore -d PATH prints the pattern that ignores one",
        )
    return replace(
        pipeline_of(stages),
        files=frozenset(files),
        groups=frozenset(groups),
        whole=only is None,
    )


def _joined(errors: Sequence[UsageError]) -> UsageError:
    """Return one error with the messages of all, and each next step once."""
    if len(errors) == 1:
        return errors[0]
    fixes = dict.fromkeys(error.fix for error in errors if error.fix)
    return UsageError("\n".join(error.message for error in errors), "; ".join(fixes))


def _existing(project: Project, files: Iterable[str]) -> Iterator[str]:
    for file in dict.fromkeys(files):
        if os.path.lexists(project.root / file):
            yield file


def _path_problems(project: Project, stage: Stage, ignore: DvcIgnore) -> Iterator[str]:
    """Yield a message for each path of a stage that DVC refuses."""
    for end in (*stage.reads, *stage.outs):
        if stage.kind is StageKind.STAGE and is_dvc_file(end.path):
            yield f"{stage.address}: {end.path} is a DVC file and cannot be a dep or an out"
    for out in stage.outs:
        path = f"{project.root}/{out.at}"
        if out.local and ignore.ignores(path):
            yield f"{stage.address}: DVC ignores its out {path}"


@dataclass(frozen=True)
class FileContent:
    """The content of a dvc.yaml or .dvc file: stages, and names of foreach and matrix stages."""

    stages: list[Stage]
    groups: frozenset[str] = frozenset()


def read_file(project: Project, file: str, ignores: Callable[[str], bool]) -> FileContent:
    """Read one dvc.yaml or .dvc file; `file` is relative to the root.

    Parameters
    ----------
    ignores
        Returns whether DVC ignores an absolute path. An ignored dvc.lock is not read.
    """
    text = text_of(project.root / file, file)
    data = parse(text, file)
    if posixpath.basename(file) != DVC_YAML:
        return FileContent([_data_stage(project, file, check_dvc_file(data, file, text))])
    lock = lock_file(file)
    locked = {} if ignores(f"{project.root}/{lock}") else read_lock(project, lock)
    stages = []
    for entry in resolve_stages(project, file, data, text):
        check_entry(entry.data, file, entry.name)
        lock_entry = locked.get(entry.name)
        stages.append(
            stage_of_entry(project.root, file, entry.name, entry.data, lock_entry, entry.group)
        )
    definitions = data.get("stages") or {}
    groups = (n for n, entry in definitions.items() if entry.keys() & {"foreach", "matrix"})
    return FileContent(stages, frozenset(groups))


def read_lock(project: Project, file: str) -> Mapping[str, LockEntry]:
    """Read the stages of a dvc.lock; return an empty mapping if the file does not exist."""
    path = project.root / file
    if not os.path.lexists(path):  # refuse a broken link, as DVC does
        return {}
    text = text_of(path, file)
    return check_lock(parse(text, file), file, text)


def _data_stage(project: Project, file: str, data: Any) -> Stage:
    wdir = posixpath.normpath(posixpath.join(posixpath.dirname(file), data.get("wdir") or "."))
    deps = data.get("deps") or []
    # DVC has no edges from imports of another repository or of a database.
    own_deps = [
        dep for dep in deps if isinstance(dep.get("path"), str) and not dep.keys() & {"repo"}
    ]
    return Stage(
        file=file,
        name="",
        kind=StageKind.IMPORT if deps else StageKind.DATA,
        wdir=wdir,
        deps=tuple(Dependency(*resolve_path(project.root, wdir, dep["path"])) for dep in own_deps),
        outs=tuple(
            Output(
                *resolve_path(project.root, wdir, out["path"]),
                out.get("cache", True),
                out.get("persist", False),
            )
            for out in data.get("outs") or ()
        ),
        frozen=bool(data.get("frozen") or data.get("locked")),
        data=data,
        lock=data,
    )
