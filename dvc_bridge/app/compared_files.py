"""The files of a project as they are here and as they were at a commit, without any remote."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from dvc_bridge.app.out_reader import OutReader
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.schema import check_lock
from dvc_bridge.dvcio.reading.yaml12 import parse
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import content_at, files_at
from dvc_bridge.pipeline.lock_entry import Pointer, item_path, lock_items, pointer_of
from dvc_bridge.pipeline.stage import DVC_YAML, Pipeline, is_inside, lock_file


class ComparedFiles:
    """Reads files here from the workspace, and those of the commit from git and DVC's cache.

    Parameters
    ----------
    sha
        The commit.
    pipeline
        The current stages.
    """

    def __init__(self, project: Project, sha: str, pipeline: Pipeline) -> None:
        self._project, self._sha, self._pipeline = project, sha, pipeline
        self._here: dict[str, bytes | None] = {}
        self._before: dict[str, bytes | None] = {}
        self._yaml: dict[str, Any] = {}

    def here(self, file: str) -> bytes | None:
        """Return the content of a file; None if it is not here."""
        if file not in self._here:
            path = self._project.root / file
            self._here[file] = path.read_bytes() if path.is_file() else None
        return self._here[file]

    def before(self, file: str) -> bytes | None:
        """Return the content that a file had; None if it did not exist, or is not here."""
        if file not in self._before:
            content = content_at(self._project, self._sha, file)
            self._before[file] = self._outs.read(file) if content is None else content
        return self._before[file]

    def files_here(self, path: str) -> list[str]:
        """Return the files that a path stands for: itself, or those in a folder."""
        folder = self._project.root / path
        if not folder.is_dir():
            return [path]
        files = (file for file in folder.rglob("*") if file.is_file())
        return sorted(file.relative_to(self._project.root).as_posix() for file in files) or [path]

    def files_before(self, path: str) -> list[str]:
        """Return the files that a path stood for."""
        in_git = [file for file in self._tree if is_inside(file, path)]
        return sorted(in_git) or self._outs.files(path)

    def dvc_yaml_before(self, file: str) -> Mapping[str, Any]:
        """Return the content of a dvc.yaml of the commit; empty if it was not valid."""
        content = self._parsed(file)
        return content if isinstance(content, dict) else {}

    @cached_property
    def dvc_yamls_before(self) -> list[str]:
        """The dvc.yaml files of the commit."""
        return [file for file in self._tree if posixpath.basename(file) == DVC_YAML]

    @cached_property
    def _tree(self) -> list[str]:
        return files_at(self._project, self._sha)

    @cached_property
    def _outs(self) -> OutReader:
        return OutReader(self._project, dict(self._pointers()))

    def _pointers(self) -> Iterator[tuple[str, Pointer]]:
        folders = {stage.address: stage.wdir for stage in self._pipeline.stages}
        for file in self.dvc_yamls_before:
            lock = lock_file(file)
            stages = self.dvc_yaml_before(file).get("stages")
            for name, entry in self._lock(lock).items():
                address = name if file == DVC_YAML else f"{file}:{name}"
                wdir = folders.get(address) or wdir_of(file, _entry(stages, name))
                for item in lock_items(entry, "outs"):
                    path = posixpath.join(wdir, item_path(item))
                    yield posixpath.normpath(path), pointer_of(item)

    def _lock(self, file: str) -> Mapping[str, Mapping[str, Any]]:
        try:
            return check_lock(self._parsed(file) or {}, file, "")
        except UsageError:
            return {}

    def _parsed(self, file: str) -> Any:
        """Return the content of a YAML file of the commit, which is read once; None: invalid."""
        if file not in self._yaml:
            content = content_at(self._project, self._sha, file)
            self._yaml[file] = None
            with suppress(UsageError, UnicodeDecodeError):
                self._yaml[file] = parse((content or b"").decode("utf-8"), file)
        return self._yaml[file]


def wdir_of(file: str, entry: Mapping[str, Any]) -> str:
    """Return the working directory of a stage, from the project's root."""
    return posixpath.join(posixpath.dirname(file), str(entry.get("wdir") or "."))


def _entry(stages: Any, name: str) -> Mapping[str, Any]:
    """Return the entry of a stage in dvc.yaml; that of a foreach or matrix is in `do`."""
    group = stages.get(name.partition("@")[0]) if isinstance(stages, dict) else None
    entry = group.get("do", group) if isinstance(group, dict) else None
    return entry if isinstance(entry, dict) else {}
