"""A remote's settings without its secrets, and a DVC repository that is nothing but them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from dvc_bridge.errors import UsageError

Sections = dict[str, dict[str, str]]

# Options of remotes (dvc/config_schema.py) that are no secrets and no files of one machine.
OPEN = frozenset(
    {
        *("url", "endpointurl", "region", "use_ssl", "ssl_verify", "listobjects", "sse", "acl"),
        *("read_timeout", "connect_timeout", "jobs", "verify", "projectname", "account_name"),
        *("host", "port", "user", "version_aware", "worktree", "allow_anonymous_login"),
    }
)
# An object store that says nothing for so long is asked again (the default is a minute).
TIMEOUT_S = 15


def store_settings(
    config: Mapping[str, Any], names: Iterable[str], *, secrets: bool = False
) -> Sections:
    """Give the settings by which another machine finds the default remote and those named.

    Parameters
    ----------
    config
        DVC's: of a `Repo`, or `dvcio.project.config_as_dvc`.
    secrets
        Keep them too: for another folder of this machine.

    Raises
    ------
    UsageError
        There is no default remote, or none of a name.
    """
    default = config["core"].get("remote")
    if not default:
        raise UsageError("the project has no default remote", "dvc remote add -d NAME URL")
    sections: Sections = {"core": {"remote": default}}
    for name in dict.fromkeys([default, *sorted(names)]):
        options = config["remote"].get(name)
        if options is None:
            raise UsageError(f"there is no remote {name}", "dvc remote list; dvc remote add")
        told = {key: str(value) for key, value in options.items() if secrets or key in OPEN}
        if str(options["url"]).startswith("s3://"):
            told = {"read_timeout": str(TIMEOUT_S), "connect_timeout": str(TIMEOUT_S), **told}
        sections[f"'remote \"{name}\"'"] = told
    return sections


def write_config(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Write settings as DVC reads them."""
    config = ConfigParser(interpolation=None)
    config.read_dict(sections)
    with file.open("w", encoding="utf-8") as stream:
        config.write(stream)


def open_bare(folder: Path, sections: Mapping[str, Mapping[str, str]]) -> Any:
    """Make a folder a DVC repository without git, with these settings, and open it as a `Repo`."""
    from dvc.repo import Repo  # noqa: PLC0415  half a second

    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    core = {
        **sections.get("core", {}),
        "no_scm": "true",
        "analytics": "false",
        "check_update": "false",
        # Else every folder leaves one of its own behind, system-wide.
        "site_cache_dir": str(folder / ".dvc" / "site"),
    }
    write_config(folder / ".dvc" / "config", {**sections, "core": core})
    return Repo(str(folder))
