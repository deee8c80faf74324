"""Find the DVC project of the current directory: its root, settings and cache."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.config_files import invalid_setting, is_plain, merged_config
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.settings_file import FILE


@dataclass(frozen=True)
class Project:
    """A DVC project: its folders and settings.

    Parameters
    ----------
    root
        The folder that holds `.dvc`.
    git_root
        The folder that holds `.git`; None without git, or with `core.no_scm`.
    config
        DVC's settings, merged from all levels: section -> option -> text.
    """

    root: Path
    git_root: Path | None
    config: Mapping[str, Mapping[str, Any]]

    @property
    def cache(self) -> Path:
        """DVC's cache: the folder that holds `files/` and `runs/`."""
        return Path(self.config.get("cache", {}).get("dir") or self.root / ".dvc" / "cache")

    @property
    def tmp(self) -> Path:
        """DVC's folder for temporary files, which git ignores."""
        return self.root / ".dvc" / "tmp"

    @property
    def scratch(self) -> Path:
        """The folder of dvc-bridge in `tmp`: hashes, durations, logs. Losing it only costs time."""
        return self.tmp / "dvc-bridge"

    @property
    def no_git(self) -> UsageError:
        """The error to raise if an operation needs git and the project does not use it."""
        if str(self.config.get("core", {}).get("no_scm", "")).lower() == "true":
            return UsageError(
                "core.no_scm is set, so neither DVC nor dvc-bridge uses git in this project",
                "run dvc config --unset core.no_scm in a git repository",
            )
        return UsageError(f"{self.root} is not in a git repository", "git init")

    def shown(self, at: str) -> str:
        """Return a path of the project relative to the current directory."""
        return os.path.relpath(self.root / at)


def find_project(start: Path | None = None) -> Project:
    """Find the project that holds `start` (default: the current directory).

    Raises
    ------
    UsageError
        There is no project, or its settings cannot be read.
    """
    folder = (start or Path.cwd()).resolve()
    root = find_root(folder)
    if root is None:
        raise UsageError(
            f"{folder} is not in a DVC project",
            "change to the folder of a project, or run dvc init",
        )
    config = merged_config(root)
    if not all(is_plain(section, options) for section, options in config.items()):
        config_as_dvc(root)
    no_scm = str(config.get("core", {}).get("no_scm", "")).lower() == "true"
    git_root = None if no_scm else _find_upwards(root, ".git")
    if git_root is None and not no_scm:
        raise UsageError(
            f"{root} is not in a git repository", "git init, or dvc config core.no_scm true"
        )
    if git_root is not None:
        _check_inside(root, git_root)
    return Project(root, git_root, config)


def find_root(start: Path | None = None) -> Path | None:
    """Return the root of the project that holds `start`; None if there is none."""
    return _find_upwards((start or Path.cwd()).resolve(), ".dvc")


def has_settings(root: Path) -> bool:
    """Return whether a project has dvc-bridge.yaml.

    Most projects do not, and need none of the modules that read it, which take time to import.
    """
    return (root / FILE).exists()


def _check_inside(root: Path, git_root: Path) -> None:
    """Refuse a .dvc folder that links out of the repository: git cannot ignore its files."""
    gitignore = os.path.realpath(root / ".dvc" / ".gitignore")
    if not gitignore.startswith(f"{git_root}/"):
        raise UsageError(
            f"{gitignore} is outside the git repository {git_root}, which DVC does not allow",
            "keep .dvc in the repository; only its cache can be elsewhere: dvc cache dir FOLDER",
        )


def config_as_dvc(root: Path) -> Mapping[str, Any]:
    """Return all settings of the project as DVC reads them, defaults included.

    Raises
    ------
    UsageError
        The settings are invalid.
    """
    from dvc.config import Config, ConfigError  # noqa: PLC0415  a tenth of a second

    try:
        config: Mapping[str, Any] = Config(str(root / ".dvc"), validate=True)
    except ConfigError as exc:
        raise invalid_setting(root, str(exc)) from exc
    return config


def _find_upwards(folder: Path, name: str) -> Path | None:
    for candidate in (folder, *folder.parents):
        if name == ".git" and (candidate / name).exists():
            return candidate
        if name == ".dvc" and (candidate / name).is_dir():
            return candidate
    return None
