"""Find the dvc.yaml and .dvc files of a project, in the order of DVC's index."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.dvcignore import Filter
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import DVC_YAML, lock_file

# Sections of git's settings that refer to other files or to other formats of a repository.
_UNUSUAL = re.compile(r"\[\s*(include|extensions)|repositoryformatversion\s*=\s*[^0\s]")


def dvc_files(project: Project, keep: Filter, outs: set[str]) -> Iterator[str]:
    """Walk the project and yield the path of each dvc.yaml and .dvc file, relative to the root.

    Parameters
    ----------
    keep
        The filter that removes what DVC ignores, usually a `DvcIgnore`.
    outs
        Absolute paths of outs; the walk does not enter folders among them. The caller adds the outs
        of each file before it takes the next file.

    Raises
    ------
    UsageError
        Git ignores a dvc.lock.
    """
    root = str(project.root)
    git_ignores = _git_ignores(project)
    for folder, names, files in os.walk(root):
        subfolders, included = keep(folder, names, files)
        for name in included:
            if is_dvc_file(name):
                path = os.path.join(folder, name)  # noqa: PTH118  os.walk returns strings
                if git_ignores(path):
                    continue
                lock = lock_file(path)
                if name == DVC_YAML and git_ignores(lock):
                    relative = os.path.relpath(lock, root)
                    raise UsageError(
                        f"{relative} is ignored by git, which DVC does not allow",
                        f"remove the line that git check-ignore -v {relative} prints",
                    )
                yield os.path.relpath(path, root)
        paths = [f"{folder}/{name}" for name in subfolders]
        names[:] = [
            name
            for name, path in zip(subfolders, paths, strict=True)
            if path not in outs and not git_ignores(f"{path}/")
        ]


def is_dvc_file(path: str) -> bool:
    """Return whether DVC treats a file of this name as its own."""
    return path.endswith(".dvc") or path.rpartition("/")[2] == DVC_YAML


def _git_ignores(project: Project) -> Callable[[str], bool]:
    """Return a function that tests if git ignores an absolute path; folders end with a slash."""
    if project.git_root is None:
        return lambda _: False
    root = str(project.git_root)
    manager = _ignore_manager(project.git_root)

    def is_ignored(path: str) -> bool:
        relative = os.path.relpath(path, root)
        return bool(manager.is_ignored(relative + "/" if path.endswith("/") else relative))

    return is_ignored


def _ignore_manager(root: Path) -> Any:
    """Return dulwich's IgnoreFilterManager of a repository.

    Its usual constructor needs a Repo, whose import takes a fifth of the time of a run with nothing
    to do. Settings of usual repositories can be read without it.
    """
    from dulwich.config import ConfigFile, StackedConfig  # noqa: PLC0415  not needed without git
    from dulwich.ignore import (  # noqa: PLC0415
        IgnoreFilter,
        IgnoreFilterManager,
        default_user_ignore_filter_path,
    )

    folder = root / ".git"
    if not _has_usual_settings(folder):
        from dulwich.repo import Repo  # noqa: PLC0415

        with closing(Repo(str(root))) as repo:
            return IgnoreFilterManager.from_repo(repo)
    backends = [ConfigFile.from_path(str(folder / "config")), *StackedConfig.default_backends()]
    config = StackedConfig(backends)
    filters = []
    for path in (folder / "info" / "exclude", Path(default_user_ignore_filter_path(config))):
        with suppress(OSError):
            filters.append(IgnoreFilter.from_path(str(path.expanduser())))
    ignores_case = config.get_boolean(b"core", b"ignorecase", False)
    return IgnoreFilterManager(str(root), filters, ignores_case)


def _has_usual_settings(folder: Path) -> bool:
    """Return whether a .git folder is no worktree and its settings are in one file."""
    try:
        text = (folder / "config").read_text(encoding="utf-8", errors="replace").lower()
    except OSError:
        return False
    is_whole = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    return is_whole and not _UNUSUAL.search(text)
