"""Read the outs of a run, as they were when it ended."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dvc_bridge.dvcio.cached_objects import members, read_file
from dvc_bridge.dvcio.hashes import folder_md5, md5_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import BridgeError
from dvc_bridge.pipeline.lock_entry import Pointer, is_folder
from dvc_bridge.pipeline.stage import is_inside


class OutReader:
    """Reads outs from the cache, or from the workspace while it holds the same content.

    Parameters
    ----------
    outs
        Path from the project's root -> its pointer.
    """

    def __init__(self, project: Project, outs: Mapping[str, Pointer]) -> None:
        self._project, self._outs = project, outs
        self._folders: dict[str, dict[str, str]] = {}

    def files(self, path: str) -> list[str]:
        """Return the files that a path stands for: itself, or the files of the outs in a folder.

        A folder whose list of files is not here stands for itself.
        """
        if path in self._outs and not is_folder(self._outs[path]):
            return [path]
        found: list[str] = []
        for out in self._outs:
            if is_inside(out, path):
                inside = self._members(out)
                found += [f"{out}/{name}" for name in inside] or [out]
            elif is_inside(path, out):
                files = (f"{out}/{name}" for name in self._members(out))
                found += [file for file in files if is_inside(file, path)]
        return sorted(found) or [path]

    def read(self, path: str) -> bytes | None:
        """Return the content of an out, or of a file in one; None if it is not here."""
        folders = map(str, PurePosixPath(path).parents)
        out = next((out for out in (path, *folders) if out in self._outs), None)
        if out is None:
            return None
        md5 = self._outs[out].get("md5") if out == path else self._inside(path, out)
        if not md5 or md5.endswith(".dir"):
            return None
        with suppress(BridgeError, OSError):
            file = self._project.root / path
            if file.is_file() and md5_of(file) == md5:
                return file.read_bytes()
            return read_file(self._project.cache, Pointer({"md5": md5}))
        return None

    def _inside(self, path: str, out: str) -> str | None:
        """Return the md5 of a file in a folder; None if it is not there."""
        return self._members(out).get(PurePosixPath(path).relative_to(out).as_posix())

    def _members(self, out: str) -> dict[str, str]:
        """Return the md5 of each file of a folder; empty for a file, or if the list is not here."""
        if out not in self._folders:
            self._folders[out] = self._list(out) if is_folder(self._outs[out]) else {}
        return self._folders[out]

    def _list(self, out: str) -> dict[str, str]:
        with suppress(BridgeError, OSError, ValueError):
            return dict(members(self._project.cache, self._outs[out]))
        with suppress(OSError):  # DVC does not keep the list of an out with `cache: false`
            here = _files_in(self._project.root / out)
            if folder_md5(here) == self._outs[out].get("md5"):
                return here
        return {}


def _files_in(folder: Path) -> dict[str, str]:
    files = [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]
    return {file.relative_to(folder).as_posix(): md5_of(file) for file in files}
