"""A DVC project found from the current directory: its root, its settings, its cache."""

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
_WORDS = frozenset({"true", "false"})
_URL = re.compile(r"(?:(?:s3|gs|ssh|azure|gdrive|https?)://.+)|[^:]+")


@dataclass(frozen=True)
class Project:
    """Where things stand.

    Parameters
    ----------
    root
        The folder that holds `.dvc`.
    git_root
        The folder that holds `.git`; None without git, or with `core.no_scm`.
    config
        DVC's settings of all levels, merged: section -> option -> text.
    """

    root: Path
    git_root: Path | None
    config: Mapping[str, Mapping[str, Any]]

    @property
    def cache(self) -> Path:
        """The folder that holds `files/` and `runs/`."""
        return Path(self.config.get("cache", {}).get("dir") or self.root / ".dvc" / "cache")

    @property
    def tmp(self) -> Path:
        """DVC's own folder for what is not kept, which git ignores."""
        return self.root / ".dvc" / "tmp"

    @property
    def scratch(self) -> Path:
        """Our own folder in it: hashes, durations, logs. Losing it costs time only."""
        return self.tmp / "dvc-bridge"

    @property
    def no_git(self) -> UsageError:
        """What to raise where git is needed, and the project does not use it."""
        if str(self.config.get("core", {}).get("no_scm", "")).lower() == "true":
            return UsageError(
                "core.no_scm is set, so neither DVC nor dvc-bridge uses git here",
                "dvc config --unset core.no_scm, in a git repository",
            )
        return UsageError(f"{self.root} is not in a git repository", "git init")

    def shown(self, at: str) -> str:
        """Name a path of the project as seen from the current directory."""
        return os.path.relpath(self.root / at)


def find_project(start: Path | None = None) -> Project:
    """Find the project that holds `start` (default: the current directory).

    Raises
    ------
    UsageError
        There is none, or its settings cannot be read.
    """
    here = (start or Path.cwd()).resolve()
    root = _above(here, ".dvc")
    if root is None:
        raise UsageError(f"{here} is in no DVC project", "run it inside one, or dvc init")
    config = _config(root)
    if not all(_is_plain(section, options) for section, options in config.items()):
        config_as_dvc(root)
    no_scm = str(config.get("core", {}).get("no_scm", "")).lower() == "true"
    git_root = None if no_scm else _above(root, ".git")
    if git_root is None and not no_scm:
        raise UsageError(
            f"{root} is not in a git repository", "git init, or dvc config core.no_scm true"
        )
    if git_root is not None:
        _check_inside(root, git_root)
    return Project(root, git_root, config)


def _check_inside(root: Path, git_root: Path) -> None:
    """Refuse a .dvc folder that is a link out of the repository: DVC could not ignore its files."""
    ignored = os.path.realpath(root / ".dvc" / ".gitignore")
    if not ignored.startswith(f"{git_root}/"):
        raise UsageError(
            f"{ignored} is outside of the git repository {git_root}, which DVC refuses",
            "keep .dvc in the repository; only its cache may be elsewhere: dvc cache dir FOLDER",
        )


def config_as_dvc(root: Path) -> Mapping[str, Any]:
    """Return all settings of the project as DVC has them, with defaults.

    Raises
    ------
    UsageError
        DVC refuses them.
    """
    from dvc.config import Config, ConfigError  # noqa: PLC0415  a tenth of a second

    try:
        config: Mapping[str, Any] = Config(str(root / ".dvc"), validate=True)
    except ConfigError as exc:
        raise UsageError(
            f"the settings in {root / '.dvc'}, or those of the user or the machine: {exc}",
            "dvc config --list --show-origin names the file of each",
        ) from exc
    return config


def _above(folder: Path, name: str) -> Path | None:
    for up in (folder, *folder.parents):
        if name == ".git" and (up / name).exists():
            return up
        if name == ".dvc" and (up / name).is_dir():
            return up
    return None


def _config(root: Path) -> dict[str, dict[str, Any]]:
    files = [*_outer_files(), root / ".dvc" / "config", root / ".dvc" / "config.local"]
    merged: dict[str, dict[str, Any]] = {}
    for file in files:
        for section, options in _read(file).items():
            merged.setdefault(section, {}).update(options)
    return merged


def _is_plain(section: str, options: Mapping[str, Any]) -> bool:
    """Whether DVC takes a section's settings beyond doubt."""
    if section == "core":
        return all(
            isinstance(value, str) and (key == "remote" or (key in _FLAGS and value in _WORDS))
            for key, value in options.items()
        )
    if section.startswith("'remote \""):
        url = options.get("url")
        return len(options) == 1 and isinstance(url, str) and bool(_URL.fullmatch(url))
    return section == "cache" and options.keys() == {"dir"}


def _outer_files() -> list[Path]:
    """The settings of the machine and of the user."""
    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or site_config_dir("dvc", "iterative")
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or user_config_dir("dvc", "iterative")
    return [Path(system) / "config", Path(user) / "config"]


def _read(file: Path) -> dict[str, dict[str, Any]]:
    if not file.is_file() or not file.stat().st_size:
        return {}
    from configobj import ConfigObj, ConfigObjError  # noqa: PLC0415  only where there are settings

    try:
        sections = ConfigObj(str(file), encoding="utf-8").dict()
    except (ConfigObjError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file}: {exc}", "correct the file") from exc
    found = {}
    for name, options in sections.items():
        if isinstance(options, dict):
            found[name.lower()] = {key.lower(): value for key, value in options.items()}
    folder = found.get("cache", {}).get("dir")
    if folder:
        found["cache"]["dir"] = str(file.parent / Path(folder).expanduser())
    return found
