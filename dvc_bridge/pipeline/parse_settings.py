"""The parser of dvc-bridge.yaml; every problem is reported at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline import task_settings
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.project_settings import (
    FILE,
    ArgoSettings,
    ProcessSettings,
    Settings,
    suggest,
)
from dvc_bridge.pipeline.remote_options import SECRET
from dvc_bridge.pipeline.task_settings import InvalidValueError, parse_resources

KEYS = ("mutex", *task_settings.KEYS)
PULL = ("Always", "IfNotPresent", "Never")
# Settings of every engine; `argo: {image: ...}` and so on are older names of the same settings.
NEUTRAL_KEYS = ("image", "secrets", "fuse")
TOP_KEYS = ("engine", *NEUTRAL_KEYS, "stages", "snapshot", "argo", "processes")


def parse_settings(content: Any) -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        There are unknown keys or values of the wrong type; one message lists all of them.
    """
    problems: list[str] = []
    mutexes: dict[str, list[str]] = {}
    pods: dict[str, Mapping[str, Any]] = {}
    top = _parse_mapping(content, "", TOP_KEYS, problems)
    for glob, values in _parse_mapping(top.get("stages"), "stages", None, problems).items():
        section = _parse_mapping(values, f"stages.{glob}", KEYS, problems)
        if pod := parse_resources(section, f"stages.{glob}", problems):
            pods[str(glob)] = pod
        names = section.get("mutex", [])
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(mutex, str) for mutex in names):
            problems.append(f"stages.{glob}.mutex must be a word or a list of words")
            continue
        for mutex in names:
            mutexes.setdefault(mutex, []).append(str(glob))
    argo = _parse_argo(_merge_argo_section(top, problems), problems)
    engine = top.get("engine") or "argo"
    if not isinstance(engine, str):
        problems.append("engine must be the name of an engine")
    section = _parse_mapping(top.get("processes"), "processes", ("parallelism",), problems)
    processes = ProcessSettings(_parse_parallelism(section.get("parallelism"), problems))
    allow = _parse_allow(
        _parse_mapping(top.get("snapshot"), "snapshot", ("allow",), problems), problems
    )
    if problems:
        raise UsageError("\n".join(f"{FILE}: {p}" for p in problems), f"correct {FILE}")
    mutex_globs = {mutex: tuple(globs) for mutex, globs in mutexes.items()}
    return Settings(mutex_globs, pods, argo, allow, engine, processes)


def _merge_argo_section(top: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    """Return the section `argo` with the top-level keys that apply to every engine."""
    section = dict(_parse_mapping(top.get("argo"), "argo", tuple(_ARGO), problems))
    for key in NEUTRAL_KEYS:
        if top.get(key) is None:
            continue
        if section.get(key) not in (None, top[key]):
            problems.append(f"{key} and argo.{key} differ: keep {key}")
        section[key] = top[key]
    return section


def _parse_parallelism(value: Any, problems: list[str]) -> int | None:
    if value is None:
        return None
    try:
        return task_settings.at_least(1)(value)
    except InvalidValueError as exc:
        problems.append(f"processes.parallelism must be {exc}")
        return None


def _parse_allow(section: Mapping[str, Any], problems: list[str]) -> tuple[str, ...]:
    value = section.get("allow") or []
    globs = [value] if isinstance(value, str) else value
    if not isinstance(globs, list) or not all(isinstance(glob, str) for glob in globs):
        problems.append("snapshot.allow must be a path or a list of paths")
        return ()
    return tuple(globs)


def _parse_argo(section: Mapping[str, Any], problems: list[str]) -> ArgoSettings:
    values: dict[str, Any] = {}
    for key, value in section.items():
        if key not in _ARGO or value is None:
            continue
        try:
            values[key] = _ARGO[key](value)
        except InvalidValueError as exc:
            problems.append(f"argo.{key} must be {exc}")
    return replace(ArgoSettings(), **values)


def _parse_user(value: Any) -> int | None:
    return None if value == "any" else task_settings.at_least(1)(value)


def _parse_pull_policy(value: Any) -> str:
    if value not in PULL:
        raise InvalidValueError(f"one of {', '.join(PULL)}{suggest(value, PULL)}")
    return str(value)


def _parse_fuse(value: Any) -> Fuse:
    names = [fuse.value for fuse in Fuse]
    if value not in names:
        raise InvalidValueError(f"one of {', '.join(names)}{suggest(value, names)}")
    return Fuse(value)


def _parse_secret_files(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not value:
        raise InvalidValueError("a mapping of Secrets to folders, such as {gcs-key: /secrets/gcs}")
    folders = {task_settings.name(secret): folder for secret, folder in value.items()}
    for folder in folders.values():
        if not isinstance(folder, str) or not _FOLDER.fullmatch(folder) or folder in _RESERVED:
            raise InvalidValueError(
                "a mapping of Secrets to folders of the pod, such as /secrets/gcs"
            )
    if len(set(folders.values())) < len(folders):
        raise InvalidValueError("a mapping of Secrets to folders, a different one for each")
    return tuple(sorted(folders.items()))


def _parse_remotes(value: Any) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise InvalidValueError(
            "a mapping of remotes to options, such as {store: {endpointurl: URL}}"
        )
    for name, options in value.items():
        for option, text in options.items():
            if not isinstance(text, str | int | float) or "{{" in str(text):
                raise InvalidValueError(
                    f"a mapping of remotes to strings; {name}.{option} is not a string"
                )
            if option in SECRET and text != "":
                raise InvalidValueError(
                    f"a mapping without secrets: {name}.{option} belongs in a Secret listed in"
                    " argo.secrets"
                )
    return tuple(
        sorted((n, tuple(sorted((k, str(v)) for k, v in o.items()))) for n, o in value.items())
    )


_FOLDER = re.compile(r"/[\w.-]+(/[\w.-]+)*")
_RESERVED = ("/work", "/tmp")  # noqa: S108  folders that the pod uses itself
_ARGO: dict[str, Callable[[Any], Any]] = {
    "image": task_settings.image,
    "image_pull_policy": _parse_pull_policy,
    "namespace": task_settings.name,
    "service_account": task_settings.name,
    "secrets": task_settings.names,
    "user": _parse_user,
    "fuse": _parse_fuse,
    "parallelism": task_settings.at_least(1),
    "secret_files": _parse_secret_files,
    "remotes": _parse_remotes,
}


def _parse_mapping(
    value: Any, where: str, keys: tuple[str, ...] | None, problems: list[str]
) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"{where or 'the file'} must be a mapping, not {type(value).__name__}")
        return {}
    if keys is not None:
        for key in [key for key in value if key not in keys]:
            hint = suggest(key, keys) or f"; valid keys: {', '.join(keys)}"
            problems.append("unknown key " + f"{where}.{key}".lstrip(".") + hint)
    return value
