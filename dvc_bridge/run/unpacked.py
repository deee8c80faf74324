"""A project where it does not live: its snapshot or a checkout, with the remotes' settings."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from dvc_bridge.dvcio.bare import write_config
from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.run.snapshot import unpack

Settings = Mapping[str, Mapping[str, str]]


def unpacked(
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
        # .gitignore files are part of what stages may read: DVC writes them in a repository only.
        subprocess.run(["git", "init", "--quiet", str(code)], check=True, capture_output=True)
    return furnished(code, root, settings)


def furnished(code: Path, root: str, settings: Settings) -> Project:
    """Give the project in a folder that is ours alone, with its remotes where the pod finds them.

    The parameters are those of `unpacked`.
    """
    cache = {**settings.get("cache", {}), "dir": str(code.parent / "cache"), "type": "reflink,copy"}
    write_config(code / root / ".dvc" / "config.local", {**settings, "cache": cache})
    return find_project(code / root)
