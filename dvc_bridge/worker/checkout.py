"""A project where it does not live: its snapshot or a checkout, with the remotes' settings."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.remotes.config import write_config
from dvc_bridge.remote_run.snapshot import copy_code, unpack

Settings = Mapping[str, Mapping[str, str]]


def unpack_code(
    archive: bytes, sha256: str, code: Path, root: str, settings: Settings, *, git: bool
) -> Project:
    """Write a snapshot into a folder, and give the project in it.

    Parameters
    ----------
    code
        A folder that is not there yet. DVC's cache comes beside it.
    root
        The project's folder within the snapshot; `.` is its root.
    git
        Whether the project stands in a git repository.

    Raises
    ------
    IntegrityError
        The snapshot's bytes are not those that were meant.
    """
    unpack(archive, sha256, code)
    if git:
        make_repository(code)
    return prepare_checkout(code, root, settings)


def copied(project: Project, outs: Collection[str], code: Path, settings: Settings) -> Project:
    """Copy what a snapshot of a project would hold, and give the project that this makes.

    Parameters
    ----------
    outs
        Cached outs of all stages, which stay behind. Both have one cache.
    code
        A folder that is not there yet.
    """
    code.mkdir()
    copy_code(project, outs, code)
    if project.git_root:
        make_repository(code)
    root = project.root.relative_to(project.git_root or project.root)
    return prepare_checkout(code, root.as_posix(), settings, project.cache)


def make_repository(code: Path) -> None:
    """Have DVC see a git repository.

    .gitignore files are part of what stages may read: it writes them in a repository only.
    """
    subprocess.run(["git", "init", "--quiet", str(code)], check=True, capture_output=True)


def prepare_checkout(
    code: Path, root: str, settings: Settings, cache: Path | None = None
) -> Project:
    """Return the project in a folder that is ours alone, with its remotes where the pod finds them.

    Parameters
    ----------
    cache
        DVC's; None: a new one beside `code`.
    """
    place = str(cache or code.parent / "cache")
    cache_section = {**settings.get("cache", {}), "dir": place, "type": "reflink,copy"}
    write_config(code / root / ".dvc" / "config.local", {**settings, "cache": cache_section})
    return find_project(code / root)
