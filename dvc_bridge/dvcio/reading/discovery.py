"""Which dvc.yaml and .dvc files a project has, in the order in which DVC's index meets them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import DVC_YAML, lock_file

# (folder, names of folders, names of files) -> the names that are not ignored
Filter = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]

NEVER = frozenset({".git", ".hg", ".dvc"})


def dvc_files(project: Project, keep: Filter, outs: set[str]) -> Iterator[str]:
    """Walk the project and give each dvc.yaml and .dvc file, from the root.

    Parameters
    ----------
    keep
        What DVC ignores, usually a `DvcIgnore`.
    outs
        Absolute paths of outs: folders among them are not entered. The caller adds those of each
        file before it takes the next.
    """
    root = str(project.root)
    git_ignores = _git_ignores(project)
    for folder, names, files in os.walk(root):
        kept, found = keep(folder, names, files)
        for name in found:
            if is_dvc_file(name):
                path = os.path.join(folder, name)  # noqa: PTH118  os.walk gives strings
                if git_ignores(path):
                    continue
                lock = lock_file(path)
                if name == DVC_YAML and git_ignores(lock):
                    shown = os.path.relpath(lock, root)
                    raise UsageError(
                        f"{shown} is ignored by git, and DVC refuses that",
                        f"take it out of .gitignore: git check-ignore -v {shown} names the line",
                    )
                yield os.path.relpath(path, root)
        inside = [f"{folder}/{name}" for name in kept]
        names[:] = [
            name
            for name, path in zip(kept, inside, strict=True)
            if path not in outs and not git_ignores(f"{path}/")
        ]


def is_dvc_file(path: str) -> bool:
    """Whether DVC takes a file of this name for one of its own."""
    return path.endswith(".dvc") or path.rpartition("/")[2] == DVC_YAML


class DvcIgnore:
    """DVC's own rules for what a walk leaves out; quick ones where no .dvcignore says more."""

    def __init__(self, project: Project) -> None:
        self._root = str(project.root)
        self._exact: Any = None
        self._plain: dict[str, bool] = {}

    def __call__(
        self, folder: str, names: list[str], files: list[str]
    ) -> tuple[list[str], list[str]]:
        """Return those of a folder's folders and files that are not ignored."""
        if self._is_never(folder):
            return [], []
        if self._exact is None and not (
            self._is_plain(folder) and _no_project_inside(folder, names, self._root)
        ):
            self._exact = _dvc_filter(self._root)
        if self._exact is not None:
            kept, found = self._exact(folder, names, files)
            return list(kept), list(found)
        return [name for name in names if name not in NEVER], [f for f in files if f != ".git"]

    def ignores(self, path: str) -> bool:
        """Whether an absolute path is ignored, for which DVC refuses it as an out."""
        folder, name = os.path.split(path)
        if self._is_never(path):
            return True
        return not self._is_plain(folder) and not self(folder, [], [name])[1]

    def _is_never(self, path: str) -> bool:
        inside = f"{path.removeprefix(self._root)}/"
        return any(f"/{name}/" in inside for name in NEVER)

    def _is_plain(self, folder: str) -> bool:
        if folder not in self._plain:
            inside = folder.startswith(f"{self._root}/")
            own = not has_patterns(Path(folder, ".dvcignore"))
            above = os.path.dirname(folder)  # noqa: PTH120  os.walk gives strings
            self._plain[folder] = own and (not inside or self._is_plain(above))
        return self._plain[folder]


def _no_project_inside(folder: str, names: list[str], root: str) -> bool:
    """Whether none of the folders is a DVC project of its own, which DVC does not enter."""
    if ".dvc" in names and folder != root:
        return False
    return not any(Path(folder, name, ".dvc").is_dir() for name in names if name not in NEVER)


def has_patterns(ignore_file: Path) -> bool:
    """Whether a .dvcignore file is there and has more than comments."""
    if not ignore_file.is_file():
        return False
    lines = ignore_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _dvc_filter(root: str) -> Any:
    from dvc.fs import localfs  # noqa: PLC0415  a tenth of a second, for projects that need it
    from dvc.ignore import DvcIgnoreFilter  # noqa: PLC0415

    return DvcIgnoreFilter(localfs, root)


def _git_ignores(project: Project) -> Callable[[str], bool]:
    """Whether git ignores an absolute path; a folder's ends with a slash."""
    if project.git_root is None:
        return lambda _: False
    from dulwich.ignore import IgnoreFilterManager  # noqa: PLC0415  not needed without git
    from dulwich.repo import Repo  # noqa: PLC0415

    root = str(project.git_root)
    repo = Repo(root)
    manager = IgnoreFilterManager.from_repo(repo)
    repo.close()

    def ignored(path: str) -> bool:
        relative = os.path.relpath(path, root)
        return bool(manager.is_ignored(relative + "/" if path.endswith("/") else relative))

    return ignored
