"""The files of DVC's settings: of the machine, of the user and of the project."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from platformdirs import site_config_dir, user_config_dir

from dvc_bridge.errors import UsageError

_FLAGS = frozenset({"analytics", "autostage", "check_update", "no_scm"})
_BOOLEANS = frozenset({"true", "false"})
_URL = re.compile(r"(?:(?:s3|gs|ssh|azure|gdrive|https?)://.+)|[^:]+")
# "extra keys not allowed @ data['remote']['store']['urll']", as DVC reports an invalid setting.
_KEY_OF_ERROR = re.compile(r"\['([^']*)'\]")
_SECTION = re.compile(r"\s*\[\s*'?([^\]]*?)'?\s*\]")
_OPTION = re.compile(r"\s*([^=\s]+)\s*=")


def merged_config(root: Path) -> dict[str, dict[str, Any]]:
    """Return the settings of all levels, those of the project last: section -> option -> text.

    Raises
    ------
    UsageError
        A file is not in the format of DVC's settings.
    """
    merged: dict[str, dict[str, Any]] = {}
    for file in _files(root):
        for section, options in _read_config(file).items():
            merged.setdefault(section, {}).update(options)
    return merged


def is_plain(section: str, options: Mapping[str, Any]) -> bool:
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


def _files(root: Path) -> list[Path]:
    """Return the files of the machine, of the user and of the project; later ones win."""
    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or site_config_dir("dvc", "iterative")
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or user_config_dir("dvc", "iterative")
    outside = [Path(system) / "config", Path(user) / "config"]
    return [*outside, root / ".dvc" / "config", root / ".dvc" / "config.local"]


def _read_config(file: Path) -> dict[str, dict[str, Any]]:
    if not file.is_file() or not file.stat().st_size:
        return {}
    from configobj import (  # noqa: PLC0415  not needed without settings
        ConfigObj,
        ConfigObjError,
        DuplicateError,
    )

    try:
        sections = ConfigObj(str(file), encoding="utf-8").dict()
    except ConfigObjError as exc:
        first = exc.errors[0] if exc.errors else exc  # it quotes the line, which can hold a secret
        is_repeated = isinstance(first, DuplicateError)
        what = "a name for the second time" if is_repeated else "neither a section nor a setting"
        raise UsageError(
            f"{_shown(file)}:{first.line_number or 1}: {what}",
            "write each setting once, as `name = value` below a section such as [core]",
        ) from exc
    except UnicodeDecodeError as exc:
        raise UsageError(f"{_shown(file)}: {exc}", "save the file as UTF-8") from exc
    config = {}
    for name, options in sections.items():
        if isinstance(options, dict):
            config[name.lower()] = {key.lower(): value for key, value in options.items()}
    folder = config.get("cache", {}).get("dir")
    if folder:
        config["cache"]["dir"] = str(file.parent / Path(folder).expanduser())
    return config


def invalid_setting(root: Path, reason: str) -> UsageError:
    """Return the error for settings that DVC refuses, with file and line if a file has the setting.

    Parameters
    ----------
    reason
        DVC's message.
    """
    keys = _KEY_OF_ERROR.findall(reason)
    reason = reason.removeprefix("config file error: ").partition(" @ ")[0]
    for file in reversed(_files(root)):
        if keys and (line := _line_of(file, keys)):
            return UsageError(
                f"{_shown(file)}:{line}: {'.'.join(keys)}: {reason}",
                "correct or remove the setting; older versions of DVC allowed others",
            )
    return UsageError(
        f"the settings in {_shown(root / '.dvc')}, of the user or of the machine are invalid:"
        f" {'.'.join(keys)}: {reason}",
        "run dvc config --list --show-origin to find the file that holds the setting",
    )


def _line_of(file: Path, keys: list[str]) -> int:
    """Return the line of a section or of an option in it; 0 if the file does not have it."""
    section = ""
    for number, text, name in _lines(file):
        if text:
            section = text
            if keys in ([section], _parts(section)):
                return number
        elif keys == [*_parts(section), name]:
            return number
    return 0


def _lines(file: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line with the section or else the option that begins there."""
    if not file.is_file():
        return
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        if match := _SECTION.match(line):
            yield number, match[1].lower(), ""
        elif match := _OPTION.match(line):
            yield number, "", match[1].lower()


def _parts(section: str) -> list[str]:
    """Return the keys of a section as DVC has them: `remote "store"` is remote, store."""
    kind, _, name = section.partition(" ")
    return [kind, name.strip('"')] if name else [kind]


def _shown(file: Path) -> str:
    """Return a path from the current directory; one outside of it stays as it is."""
    folder = Path.cwd()
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
