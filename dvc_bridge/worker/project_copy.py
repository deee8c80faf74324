"""A copy of a project from a snapshot or a checkout, with the settings of the remotes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from dvc_bridge.dvcio.project import Project, find_project
from dvc_bridge.dvcio.remotes.config import remove_other_options, write_config
from dvc_bridge.remote_run.snapshot import copy_code, unpack

Settings = Mapping[str, Mapping[str, str]]


def unpack_code(
    archive: bytes, sha256: str, code: Path, root: str, settings: Settings, *, git: bool
) -> Project:
    """Unpack a snapshot into a folder, and return the project in it.

    Parameters
    ----------
    code
        A folder that does not exist yet. DVC's cache is created next to it.
    root
        The project's folder within the snapshot; `.` is its root.
    git
        Whether the project is in a git repository.

    Raises
    ------
    IntegrityError
        The snapshot does not have the expected hash.
    """
    unpack(archive, sha256, code)
    if git:
        make_repository(code)
    return prepare_checkout(code, root, settings)


def copied(project: Project, outs: Collection[str], code: Path, settings: Settings) -> Project:
    """Copy the files of a project's snapshot into a folder, and return the new project.

    Parameters
    ----------
    outs
        The cached outs of all stages, which are not copied. Both projects share the cache.
    code
        A folder that does not exist yet.
    """
    code.mkdir()
    copy_code(project, outs, code)
    if project.git_root:
        make_repository(code)
    root = project.root.relative_to(project.git_root or project.root)
    return prepare_checkout(code, root.as_posix(), settings, project.cache)


def make_repository(code: Path) -> None:
    """Initialize a git repository, so that DVC behaves as in one.

    Stages may read .gitignore files, which DVC writes only inside a repository.
    """
    from dulwich.repo import Repo  # noqa: PLC0415  not needed for code from git

    Repo.init(str(code)).close()  # an image may have no git command


def prepare_checkout(
    code: Path, root: str, settings: Settings, cache: Path | None = None
) -> Project:
    """Configure cache and remotes of a project in a private folder, and return the project.

    The remotes have exactly the options of `settings`.

    Parameters
    ----------
    cache
        The cache of DVC; None: a new one next to `code`.
    """
    cache_folder = str(cache or code.parent / "cache")
    cache_section = {**settings.get("cache", {}), "dir": cache_folder, "type": "reflink,copy"}
    folder = code / root / ".dvc"
    if (folder / "config").exists():
        remove_other_options(folder / "config", settings)
    write_config(folder / "config.local", {**settings, "cache": cache_section})
    return find_project(code / root)
