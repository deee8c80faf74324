"""The folder of the DVC project in the repository that a step works on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dvc_bridge.dvcio.project import Project, find_project, find_root
from dvc_bridge.errors import UsageError
from dvc_bridge.github_action.checkout_gaps import find_empty_submodules
from dvc_bridge.pipeline.shorten import first_names

# How many folders below the repository a project is looked for, and how many are named.
_DEPTH, _MOST_NAMED = 3, 10


def enter_project(repository: Path, folder: Path) -> Project:
    """Change to the working directory of the step, and return its project.

    Raises
    ------
    UsageError
        There is no such folder or no project; the message says what the repository has instead.
    """
    try:
        os.chdir(folder)
    except OSError as exc:
        raise UsageError(
            f"working-directory {folder}: {exc.strerror}",
            "name a folder of the repository; actions/checkout must run first",
        ) from exc
    if find_root() is None:
        raise _no_project(repository, folder)
    return find_project()


def _no_project(repository: Path, folder: Path) -> UsageError:
    if not any(repository.iterdir()):
        return UsageError("the workspace of the job is empty", "run actions/checkout first")
    where = "the repository" if folder == Path() else f"working-directory {folder}"
    if configs := _files_named(repository, ".dvc/config"):
        folders = _listed([str(config.parent.parent) for config in configs])
        return UsageError(
            f"{where} is not in a DVC project", f"set working-directory to one of: {folders}"
        )
    if pipelines := _files_named(repository, "dvc.yaml"):
        return UsageError(
            f"{where} has {_listed(list(map(str, pipelines)))}, but no folder .dvc, which every DVC"
            " project has",
            "run dvc init in the folder of the project (with --subdir below the root of the"
            " repository), and commit .dvc",
        )
    if submodules := find_empty_submodules(repository):
        return UsageError(
            f"{where} is not in a DVC project, and this clone has no files of the submodules"
            f" {_listed(submodules)}",
            "if one of them is the project, set submodules: true in actions/checkout, and"
            " working-directory to its folder",
        )
    return UsageError(
        f"{where} is not in a DVC project: there is neither a folder .dvc nor a dvc.yaml",
        "run dvc init and commit .dvc, or set working-directory if the project is in a deep folder",
    )


def _files_named(repository: Path, name: str) -> list[Path]:
    """Return the files with a name, from the root of the repository."""
    return sorted(
        path.relative_to(repository)
        for depth in range(_DEPTH + 1)
        for path in repository.glob(f"{'*/' * depth}{name}")
        if path.is_file()
    )


def _listed(paths: Sequence[str]) -> str:
    return first_names(paths, _MOST_NAMED)
