"""A remote's settings without its secrets, and a DVC repository that is nothing but them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.remote_options import for_pods
from dvc_bridge.pipeline.settings import ArgoSettings

Sections = dict[str, dict[str, str]]

# An object store that says nothing for so long is asked again (the default is a minute).
TIMEOUT_S = 15


def store_settings(config: Mapping[str, Any], names: Iterable[str]) -> Sections:
    """Return the settings of the default remote and of those named, secrets included.

    Parameters
    ----------
    config
        DVC's: of a `Repo`, or `dvcio.project.config_as_dvc`.

    Raises
    ------
    UsageError
        There is no default remote, or none of a name.
    """
    return _sections(config, names, lambda _, options: options)


def pod_settings(
    config: Mapping[str, Any], names: Iterable[str], argo: ArgoSettings | None
) -> Sections:
    """Return the settings by which pods find the remotes, without secrets.

    Parameters
    ----------
    argo
        None: what pods cannot be given is left out.

    Raises
    ------
    UsageError
        As `store_settings`, and for what pods cannot be given; all of it in one message.
    """
    problems: list[str] = []

    def told(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        own = dict(dict(argo.remotes if argo else ()).get(name, ()))
        given, wrong = for_pods(name, options, own, has_secrets=bool(argo and argo.has_secrets))
        problems.extend(wrong if argo else ())
        return given

    sections = _sections(config, names, told)
    if problems:
        raise UsageError("\n".join(problems), "docs/argo.md of dvc-bridge: Credentials")
    return sections


def _sections(
    config: Mapping[str, Any],
    names: Iterable[str],
    told: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
) -> Sections:
    default = config["core"].get("remote")
    if not default:
        raise UsageError("the project has no default remote", "dvc remote add -d NAME URL")
    sections: Sections = {"core": {"remote": default}}
    for name in dict.fromkeys([default, *sorted(names)]):
        options = config["remote"].get(name)
        if options is None:
            raise UsageError(f"there is no remote {name}", "dvc remote list; dvc remote add")
        given = {key: str(value) for key, value in told(name, options).items()}
        if str(options["url"]).startswith("s3://"):
            given = {"read_timeout": str(TIMEOUT_S), "connect_timeout": str(TIMEOUT_S), **given}
        sections[f"'remote \"{name}\"'"] = given
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
