"""Settings of remotes with and without secrets, and a minimal DVC repository that has only them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.remote_secrets import for_pods

if TYPE_CHECKING:  # workers do not need the settings, which take time to import
    from dvc_bridge.pipeline.argo_settings import ArgoSettings

Sections = dict[str, dict[str, str]]

# Retry a request if the object store does not respond within this time (the default is 60 s).
TIMEOUT_S = 15


def store_settings(config: Mapping[str, Any], names: Iterable[str]) -> Sections:
    """Return the settings of the default remote and of the named remotes, secrets included.

    Parameters
    ----------
    config
        DVC's settings: of a `Repo`, or from `dvcio.project.config_as_dvc`.

    Raises
    ------
    UsageError
        There is no default remote, or no remote with one of the names.
    """
    return _sections(config, names, lambda _, options: options)


def pod_settings(
    config: Mapping[str, Any], names: Iterable[str], argo: ArgoSettings | None
) -> Sections:
    """Return the settings that pods need to open the remotes, without secrets.

    Parameters
    ----------
    argo
        The settings of the Argo engine. If None, leave out settings that cannot be passed to pods.

    Raises
    ------
    UsageError
        As `store_settings`; also if settings cannot be passed to pods (one message for all).
    """
    problems: list[str] = []

    def without_secrets(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        overrides = dict(dict(argo.remotes if argo else ()).get(name, ()))
        has_secrets = bool(argo and argo.has_secrets)
        pod_options, errors = for_pods(name, options, overrides, has_secrets=has_secrets)
        problems.extend(errors if argo else ())
        return pod_options

    sections = _sections(config, names, without_secrets)
    if problems:
        raise UsageError("\n".join(problems), "see Credentials in docs/argo.md of dvc-bridge")
    return sections


def _sections(
    config: Mapping[str, Any],
    names: Iterable[str],
    select: Callable[[str, Mapping[str, Any]], Mapping[str, Any]],
) -> Sections:
    default = config["core"].get("remote")
    if not default:
        raise UsageError("the project has no default remote", "dvc remote add -d NAME URL")
    sections: Sections = {"core": {"remote": default}}
    for name in dict.fromkeys([default, *sorted(names)]):
        options = config["remote"].get(name)
        if options is None:
            raise UsageError(f"remote {name} does not exist", "dvc remote list; dvc remote add")
        texts = {key: str(value) for key, value in select(name, options).items()}
        if str(options["url"]).startswith("s3://"):
            texts = {"read_timeout": str(TIMEOUT_S), "connect_timeout": str(TIMEOUT_S), **texts}
        sections[f"'remote \"{name}\"'"] = texts
    return sections


def write_config(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Write settings in the format that DVC reads."""
    config = ConfigParser(interpolation=None)
    config.read_dict(sections)
    with file.open("w", encoding="utf-8") as stream:
        config.write(stream)


def remove_other_options(file: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Remove, from the sections in a file of settings, the options that `sections` lacks.

    DVC adds the settings of a local file to these, so a local file can remove no option.
    """
    from configobj import ConfigObj  # noqa: PLC0415  the worker has imported DVC

    config = ConfigObj(str(file), encoding="utf-8", list_values=False)
    wanted = {name.strip("'").lower(): options for name, options in sections.items()}
    removed = [
        (options, option)
        for name, options in config.items()
        if name.lower().startswith("remote ") and name.lower() in wanted
        for option in options
        if option.lower() not in wanted[name.lower()]
    ]
    for options, option in removed:
        del options[option]
    if removed:
        config.write()


def open_bare(folder: Path, sections: Mapping[str, Mapping[str, str]]) -> Any:
    """Create a DVC repository without git in a folder, with these settings; return its `Repo`."""
    from dvc.repo import Repo  # noqa: PLC0415  half a second

    write_bare_config(folder, sections)
    return Repo(str(folder))


def write_bare_config(folder: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    """Make a folder a DVC repository without git, with these settings."""
    (folder / ".dvc").mkdir(parents=True, exist_ok=True)
    core = {
        **sections.get("core", {}),
        "no_scm": "true",
        "analytics": "false",
        "check_update": "false",
        # By default, DVC creates a folder in the system's site cache for every repository.
        "site_cache_dir": str(folder / ".dvc" / "site"),
    }
    write_config(folder / ".dvc" / "config", {**sections, "core": core})
