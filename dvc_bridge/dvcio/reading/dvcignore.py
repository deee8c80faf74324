"""What the .dvcignore files of a project ignore."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.project import Project

# (folder, names of folders, names of files) -> the two lists without ignored names
Filter = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]

NEVER = frozenset({".git", ".hg", ".dvc"})


class DvcIgnore:
    """DVC's rules for what a walk ignores; a fast path applies where .dvcignore has no patterns."""

    def __init__(self, project: Project) -> None:
        self._root = str(project.root)
        self._dvc_filter: Any = None
        self._has_no_patterns: dict[str, bool] = {}

    def __call__(
        self, folder: str, names: list[str], files: list[str]
    ) -> tuple[list[str], list[str]]:
        """Return the subfolders and files of a folder that are not ignored."""
        if self._is_always_ignored(folder):
            return [], []
        if self._dvc_filter is None and not (
            self._is_plain(folder) and _has_no_subproject(folder, names, self._root)
        ):
            self._dvc_filter = _open_dvc_filter(self._root)
        if self._dvc_filter is not None:
            subfolders, included = self._dvc_filter(folder, names, files)
            return list(subfolders), list(included)
        return [name for name in names if name not in NEVER], [f for f in files if f != ".git"]

    def ignores(self, path: str) -> bool:
        """Return whether an absolute path is ignored; DVC refuses such a path as an out."""
        folder, name = os.path.split(path)
        if self._is_always_ignored(path):
            return True
        return not self._is_plain(folder) and not self(folder, [], [name])[1]

    def _is_always_ignored(self, path: str) -> bool:
        relative = f"{path.removeprefix(self._root)}/"
        return any(f"/{name}/" in relative for name in NEVER)

    def _is_plain(self, folder: str) -> bool:
        if folder not in self._has_no_patterns:
            is_subfolder = folder.startswith(f"{self._root}/")
            is_plain = not has_patterns(Path(folder, ".dvcignore"))
            parent = os.path.dirname(folder)  # noqa: PTH120  os.walk returns strings
            self._has_no_patterns[folder] = is_plain and (
                not is_subfolder or self._is_plain(parent)
            )
        return self._has_no_patterns[folder]


def _has_no_subproject(folder: str, names: list[str], root: str) -> bool:
    """Return whether none of the folders is a separate DVC project, which DVC does not enter."""
    if ".dvc" in names and folder != root:
        return False
    return not any(Path(folder, name, ".dvc").is_dir() for name in names if name not in NEVER)


def has_patterns(ignore_file: Path) -> bool:
    """Return whether a .dvcignore file exists and has more than comments."""
    if not ignore_file.is_file():
        return False
    lines = ignore_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _open_dvc_filter(root: str) -> Any:
    from dvc.fs import localfs  # noqa: PLC0415  a tenth of a second, for projects that need it
    from dvc.ignore import DvcIgnoreFilter  # noqa: PLC0415

    return DvcIgnoreFilter(localfs, root)
