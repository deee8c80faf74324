"""The kinds of values in dvc-bridge.yaml that are mappings, or lists of mappings."""

from __future__ import annotations

import re
from typing import Any

from dvc_bridge.pipeline.remote_secrets import SECRET
from dvc_bridge.pipeline.setting_values import (
    NAME_SCHEMA,
    NO_EXPRESSION,
    TEXT_SCHEMA,
    InvalidValueError,
    Value,
    anchored,
    at_least,
    one_or_list,
    read_name,
    read_text,
)

Pairs = tuple[tuple[str, Any], ...]

_TOLERATION = {"key": str, "operator": str, "value": str, "effect": str, "tolerationSeconds": int}
FOLDER = r"/[\w.-]+(/[\w.-]+)*"
_RESERVED = ("/work", "/tmp")  # noqa: S108  folders that the pod uses itself


def _read_texts(value: Any) -> Pairs:
    if not isinstance(value, dict):
        raise InvalidValueError("a mapping of labels to strings")
    return tuple(sorted((read_text(key), read_text(text)) for key, text in value.items()))


def _read_limits(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise InvalidValueError('a mapping of globs to numbers, such as {"train@*": 2}')
    return {str(glob): at_least(1).read(count) for glob, count in value.items()}


def _read_tolerations(value: Any) -> tuple[Pairs, ...]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, dict) or not item.keys() <= _TOLERATION.keys():
            raise InvalidValueError(f"a list of mappings with {', '.join(_TOLERATION)}")
        for key, field_value in item.items():
            if _TOLERATION[key] is int:
                at_least(0).read(field_value)
            else:
                read_text(field_value)
    return tuple(tuple(sorted(item.items())) for item in items)


def _read_secret_files(value: Any) -> Pairs:
    if not isinstance(value, dict) or not value:
        raise InvalidValueError("a mapping of Secrets to folders, such as {gcs-key: /secrets/gcs}")
    folders = {read_name(secret): folder for secret, folder in value.items()}
    for folder in folders.values():
        if not isinstance(folder, str) or not re.fullmatch(FOLDER, folder) or folder in _RESERVED:
            raise InvalidValueError(
                "a mapping of Secrets to folders of the pod, such as /secrets/gcs"
            )
    if len(set(folders.values())) < len(folders):
        raise InvalidValueError("a mapping of Secrets to folders, a different one for each")
    return tuple(sorted(folders.items()))


def _read_remotes(value: Any) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
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
                    f"a mapping without secrets: {name}.{option} belongs in a Secret that"
                    " `secrets` names"
                )
    return tuple(
        sorted((n, tuple(sorted((k, str(v)) for k, v in o.items()))) for n, o in value.items())
    )


LIMITS = Value(
    _read_limits,
    {"type": "object", "additionalProperties": at_least(1).schema},
    "a mapping of globs over stage names to numbers",
)
TEXTS = Value(
    _read_texts, {"type": "object", "additionalProperties": TEXT_SCHEMA}, "a mapping to strings"
)
TOLERATIONS = Value(
    _read_tolerations,
    one_or_list(
        {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                key: at_least(0).schema if kind is int else TEXT_SCHEMA
                for key, kind in _TOLERATION.items()
            },
        }
    ),
    "a list of mappings",
)
SECRET_FILES = Value(
    _read_secret_files,
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": NAME_SCHEMA,
        "additionalProperties": {
            "type": "string",
            "pattern": anchored(FOLDER),
            "not": {"enum": list(_RESERVED)},
        },
    },
    "a mapping of Secrets to folders",
)
REMOTES = Value(
    _read_remotes,
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {option: {"const": ""} for option in SECRET},
            "additionalProperties": {"type": ["string", "number", "boolean"], **NO_EXPRESSION},
        },
    },
    "a mapping of remotes to their options",
)
