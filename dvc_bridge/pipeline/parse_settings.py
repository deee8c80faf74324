"""The parser of dvc-bridge.yaml, which follows `setting_keys` and reports all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline import setting_keys
from dvc_bridge.pipeline.argo_settings import ArgoSettings
from dvc_bridge.pipeline.prices import Prices
from dvc_bridge.pipeline.project_settings import ProcessSettings, Settings
from dvc_bridge.pipeline.setting_keys import ARGO, NEUTRAL, SECTIONS, STAGES, TOP, Section
from dvc_bridge.pipeline.setting_values import InvalidValueError
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.slurm_settings import SlurmSettings
from dvc_bridge.pipeline.suggest import nearest_key


def parse_settings(content: Any) -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        There are unknown keys or values of the wrong type; one message lists all of them.
    """
    problems: list[str] = []
    top = _mapping(content, "the file", problems)
    _check_keys(top, "", (*TOP.names, *(section.name for section in SECTIONS)), problems)
    neutral = _parse(TOP, top, "", problems)
    mutexes, pods = _parse_stages(top, problems)
    settings = Settings(
        mutexes=mutexes,
        pods=pods,
        argo=_parse_argo(top, neutral, problems),
        allow=_parse_section(setting_keys.SNAPSHOT, top, problems).get("allow", ()),
        engine=neutral.get("engine", Settings({}).engine),
        processes=replace(
            ProcessSettings(), **_parse_section(setting_keys.PROCESSES, top, problems)
        ),
        slurm=SlurmSettings(**_parse_section(setting_keys.SLURM, top, problems)),
        limits=neutral.get("limits", {}),
        jobs=neutral.get("jobs"),
        prices=Prices(**_parse_section(setting_keys.PRICES, top, problems)),
    )
    if problems:
        raise UsageError("\n".join(f"{FILE}: {p}" for p in problems), f"correct {FILE}")
    return settings


def _parse_stages(
    top: Mapping[str, Any], problems: list[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, Mapping[str, Any]]]:
    """Return the globs of each mutex, and the task settings of each glob."""
    mutexes: dict[str, tuple[str, ...]] = {}
    pods: dict[str, Mapping[str, Any]] = {}
    for glob, content in _mapping(top.get(STAGES.name), STAGES.name, problems).items():
        where = f"{STAGES.name}.{glob}"
        mapping = _mapping(content, where, problems)
        _check_keys(mapping, where, STAGES.names, problems)
        values = _parse(STAGES, mapping, where, problems)
        for mutex in values.pop("mutex", ()):
            mutexes[mutex] = (*mutexes.get(mutex, ()), str(glob))
        if values:
            pods[str(glob)] = values
    return mutexes, pods


def _parse_argo(
    top: Mapping[str, Any], neutral: Mapping[str, Any], problems: list[str]
) -> ArgoSettings:
    """Return the section `argo` with the keys at the top that apply to every engine."""
    values = _parse_section(ARGO, top, problems)
    for key in NEUTRAL:
        if key.name not in neutral:
            continue
        if values.get(key.name, neutral[key.name]) != neutral[key.name]:
            problems.append(f"{key.name} and argo.{key.name} differ: keep {key.name}")
        values[key.name] = neutral[key.name]
    return replace(ArgoSettings(), **values)


def _parse_section(section: Section, top: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    mapping = _mapping(top.get(section.name), section.name, problems)
    _check_keys(mapping, section.name, section.names, problems)
    return _parse(section, mapping, section.name, problems)


def _parse(
    section: Section, mapping: Mapping[str, Any], where: str, problems: list[str]
) -> dict[str, Any]:
    """Return the values that are present; a key without a value counts as missing."""
    values: dict[str, Any] = {}
    for key in section.keys:
        if mapping.get(key.name) is None:
            continue
        try:
            values[key.name] = key.value.read(mapping[key.name])
        except InvalidValueError as exc:
            problems.append(f"{f'{where}.{key.name}'.lstrip('.')} must be {exc}")
    return values


def _mapping(value: Any, where: str, problems: list[str]) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"{where} must be a mapping, not {type(value).__name__}")
        return {}
    return value


def _check_keys(
    mapping: Mapping[str, Any], where: str, names: tuple[str, ...], problems: list[str]
) -> None:
    for key in [key for key in mapping if key not in names]:
        hint = _hint(key, names)
        problems.append(f"unknown key {f'{where}.{key}'.lstrip('.')}{hint}")


def _hint(key: Any, names: tuple[str, ...]) -> str:
    """Return what to write instead of an unknown key."""
    if nearest := nearest_key(key, names):
        return f"; did you mean {nearest}?"
    homes = [_home(section) for section in (TOP, *SECTIONS) if key in section.names]
    if homes:
        return f"; it belongs {' or '.join(homes)}"
    return f"; valid keys: {', '.join(names)}"


def _home(section: Section) -> str:
    if not section.name:
        return "at the top of the file"
    return f"in {section.name}.STAGE" if section.has_globs else f"in {section.name}"
