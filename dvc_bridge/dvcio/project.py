"""Find the DVC project of the current directory: its root, settings and cache."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import site_config_dir, user_config_dir

from dvc_bridge.errors import UsageError

_FLAGS = frozenset({"analytics", "autostage", "check_update", "no_scm"})
_BOOLEANS = frozenset({"true", "false"})
_URL = re.compile(r"(?:(?:s3|gs|ssh|azure|gdrive|https?)://.+)|[^:]+")


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
    config = _merged_config(root)
    if not all(_is_plain(section, options) for section, options in config.items()):
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
        raise UsageError(
            f"the settings in {root / '.dvc'}, of the user or of the machine are invalid: {exc}",
            "run dvc config --list --show-origin to find the file that holds the setting",
        ) from exc
    return config


def _find_upwards(folder: Path, name: str) -> Path | None:
    for candidate in (folder, *folder.parents):
        if name == ".git" and (candidate / name).exists():
            return candidate
        if name == ".dvc" and (candidate / name).is_dir():
            return candidate
    return None


def _merged_config(root: Path) -> dict[str, dict[str, Any]]:
    files = [*_config_files_outside(), root / ".dvc" / "config", root / ".dvc" / "config.local"]
    merged: dict[str, dict[str, Any]] = {}
    for file in files:
        for section, options in _read_config(file).items():
            merged.setdefault(section, {}).update(options)
    return merged


def _is_plain(section: str, options: Mapping[str, Any]) -> bool:
    """Return whether DVC certainly accepts a section's settings."""
    if section == "core":
        return all(
            isinstance(value, str)
            and (key == "remote" or (key in _FLAGS and value.lower() in _BOOLEANS))
            for key, value in options.items()
        )
    if section.startswith('remote "'):
        url = options.get("url")
        return len(options) == 1 and isinstance(url, str) and bool(_URL.fullmatch(url))
    return section == "cache" and options.keys() == {"dir"}


def _config_files_outside() -> list[Path]:
    """Return the settings files of the machine and of the user."""
    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or site_config_dir("dvc", "iterative")
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or user_config_dir("dvc", "iterative")
    return [Path(system) / "config", Path(user) / "config"]


def _read_config(file: Path) -> dict[str, dict[str, Any]]:
    if not file.is_file() or not file.stat().st_size:
        return {}
    from configobj import ConfigObj, ConfigObjError  # noqa: PLC0415  not needed without settings

    try:
        sections = ConfigObj(str(file), encoding="utf-8").dict()
    except (ConfigObjError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file}: {exc}", "correct the file") from exc
    config = {}
    for name, options in sections.items():
        if isinstance(options, dict):
            config[name.lower()] = {key.lower(): value for key, value in options.items()}
    folder = config.get("cache", {}).get("dir")
    if folder:
        config["cache"]["dir"] = str(file.parent / Path(folder).expanduser())
    return config
