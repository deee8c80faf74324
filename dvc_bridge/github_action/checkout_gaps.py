"""What actions/checkout leaves out unless its inputs ask for it: files of Git LFS, submodules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from dvc_bridge.dvcio.project import Project
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import git
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.stage import Stage

_ATTRIBUTES, _MODULES = ".gitattributes", ".gitmodules"
_POINTER = b"version https://git-lfs.github.com/spec/"
_MOST_NAMED = 5


def find_gaps(project: Project, stages: Iterable[Stage]) -> list[str]:
    """Return a message for each kind of input of these stages that the clone does not have."""
    if project.git_root is None:
        return []
    inputs = list(dict.fromkeys(read.at for stage in stages for read in stage.reads))
    messages = []
    if pointers := _lfs_pointers(project, inputs):
        names = first_names(pointers, _MOST_NAMED)
        messages.append(
            f"Git LFS has not brought {names}, so stages that read them seem to have changed: set"
            " lfs: true in actions/checkout"
        )
    paths = [project.root / at for at in inputs]
    missing = [
        name
        for name in find_empty_submodules(project.git_root)
        if any(path.is_relative_to(project.git_root / name) for path in paths)
    ]
    if missing:
        names = first_names(missing, _MOST_NAMED)
        messages.append(
            f"stages read files of {names}, and submodules are not in this clone: set submodules:"
            " true in actions/checkout"
        )
    return messages


def find_empty_submodules(repository: Path) -> list[str]:
    """Return the folders of submodules that the clone does not have."""
    if not (repository / _MODULES).is_file():
        return []
    try:
        command = ("config", "--file", _MODULES, "-z", "--get-regexp", r"^submodule\..*\.path$")
        entries = git(repository, *command).split("\0")
    except UsageError:  # no submodules, or an invalid file
        return []
    names = [entry.partition("\n")[2] for entry in entries if entry]
    return sorted(name for name in names if _is_empty(repository / name))


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return True


def _lfs_pointers(project: Project, inputs: Sequence[str]) -> list[str]:
    with suppress(OSError):
        attributes = (project.git_root or project.root) / _ATTRIBUTES
        if b"filter=lfs" in attributes.read_bytes():
            return [at for at in inputs if any(map(_is_pointer, _files(project.root / at)))]
    return []


def _files(path: Path) -> Iterable[Path]:
    return path.rglob("*") if path.is_dir() else [path]


def _is_pointer(file: Path) -> bool:
    with suppress(OSError):
        if file.is_file():
            with file.open("rb") as opened:
                return opened.read(len(_POINTER)) == _POINTER
    return False
