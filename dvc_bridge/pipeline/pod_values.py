"""The kinds of values in dvc-bridge.yaml that describe pods of Kubernetes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from dvc_bridge.pipeline.auto_memory import AutoMemory
from dvc_bridge.pipeline.pod_settings import Volume
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.pipeline.setting_mappings import FOLDER, Pairs
from dvc_bridge.pipeline.setting_values import (
    DURATION_SCHEMA,
    NAME_SCHEMA,
    QUANTITY_SCHEMA,
    TEXT_SCHEMA,
    InvalidValueError,
    Schema,
    Value,
    anchored,
    read_duration,
    read_name,
    read_quantity,
    read_text,
)

# A prefix like a DNS name is optional.
_QUALIFIED = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LABEL = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_RESOURCE = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
# The worker sets these itself.
_OURS = ("HOME", "USER", "TMPDIR", "SHELL")
_PREFIX = "DVC_BRIDGE_"
# Folders that belong to Kubernetes and Argo.
_RESERVED = ("/var/run/argo", "/var/run/secrets", "/proc", "/sys")
_AUTO = "auto"
_SOURCES = ("claim", "ephemeral", "empty_dir", "shared_memory")


def _read_pairs(read_key: Callable[[Any], str], what: str) -> Callable[[Any], Pairs]:
    def read(value: Any) -> Pairs:
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise InvalidValueError(f"a mapping {what}; numbers and true or false need quotes")
        if any("{{" in text for text in value.values()):
            raise InvalidValueError("a mapping without {{, which Argo would read as an expression")
        return tuple(sorted((read_key(key), text) for key, text in value.items()))

    return read


def _read_key(key: Any) -> str:
    if not isinstance(key, str) or not re.fullmatch(_QUALIFIED, key):
        raise InvalidValueError(f"a mapping from names such as team or example.org/team, not {key}")
    return key


def _read_labels(value: Any) -> Pairs:
    labels = _read_pairs(_read_key, "of labels to strings")(value)
    for key, text in labels:
        if not re.fullmatch(_LABEL, text):
            raise InvalidValueError(
                f"a mapping to at most 63 letters, digits, - _ and .; {key} is {text!r}"
            )
    return labels


def _read_variable(key: Any) -> str:
    if not isinstance(key, str) or not re.fullmatch(_VARIABLE, key):
        raise InvalidValueError(f"a mapping from names of environment variables, not {key}")
    if key in _OURS or key.startswith(_PREFIX):
        raise InvalidValueError(f"a mapping without {key}, which dvc-bridge sets itself")
    return key


def _read_gpu(value: Any) -> tuple[int, str | None]:
    if isinstance(value, dict) and len(value) == 1:
        ((name, count),) = value.items()
        if isinstance(name, str) and re.fullmatch(_RESOURCE, name) and _is_count(count):
            return count, name
    elif _is_count(value):
        return value, None
    raise InvalidValueError(
        "an integer, 0 or more, or a resource with a number: {nvidia.com/mig-1g.5gb: 1}"
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _read_volumes(value: Any) -> tuple[tuple[str, Volume], ...]:
    if not isinstance(value, dict):
        raise InvalidValueError("a mapping of folders to volumes: {/data: {claim: NAME}}")
    for folder in value:
        if not isinstance(folder, str) or not re.fullmatch(FOLDER, folder):
            raise InvalidValueError(f"a mapping of folders such as /data, not {folder}")
        if any(f"{folder}/".startswith(f"{reserved}/") for reserved in _RESERVED):
            raise InvalidValueError(f"a mapping without {folder}, which Kubernetes or Argo uses")
    return tuple(sorted((folder, _read_volume(folder, text)) for folder, text in value.items()))


def _read_volume(folder: str, value: Any) -> Volume:
    if not isinstance(value, dict) or len([key for key in _SOURCES if key in value]) != 1:
        raise InvalidValueError(
            f"a mapping to one of {', '.join(f'{{{key}: ...}}' for key in _SOURCES)} at {folder}"
        )
    source = next(key for key in _SOURCES if key in value)
    unknown = value.keys() - _VOLUME_KEYS[source].keys()
    if unknown:
        raise InvalidValueError(
            f"a mapping without {', '.join(sorted(map(str, unknown)))} at {folder}; with {source}"
            f" you may set {', '.join(_VOLUME_KEYS[source])}"
        )
    return Volume(**{key: _VOLUME_KEYS[source][key](text) for key, text in value.items()})


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValueError("a mapping in which read_only is true or false")
    return value


def _read_sub_path(value: Any) -> str:
    text = read_text(value)
    if text.startswith("/") or ".." in text.split("/"):
        raise InvalidValueError("a mapping in which sub_path is a relative path without ..")
    return text


_VOLUME_KEYS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "claim": {"claim": read_name, "read_only": _read_flag, "sub_path": _read_sub_path},
    "ephemeral": {"ephemeral": read_quantity, "storage_class": read_name},
    "empty_dir": {"empty_dir": read_quantity},
    "shared_memory": {"shared_memory": read_quantity},
}


def _read_structure(value: Any) -> str:
    if not isinstance(value, dict):
        raise InvalidValueError("a mapping, as in the specification of a pod")
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise InvalidValueError("a mapping of strings, numbers, lists and mappings") from exc
    if "{{" in text.replace("{{}", ""):
        raise InvalidValueError("a mapping without {{, which Argo would read as an expression")
    return text


def _read_memory(value: Any) -> tuple[str, ...] | AutoMemory:
    if value == _AUTO or (isinstance(value, dict) and value.keys() != {_AUTO}):
        raise InvalidValueError(
            "a quantity, a list of them, or {auto: 2Gi}, in which 2Gi is the memory while no run"
            " was measured"
        )
    if isinstance(value, dict):
        return AutoMemory(_read_memories(value[_AUTO]))
    return _read_memories(value)


def _read_memories(value: Any) -> tuple[str, ...]:
    quantities = tuple(map(read_quantity, value if isinstance(value, list) else [value]))
    if not quantities or any(amount(a) >= amount(b) for a, b in pairwise(quantities)):
        raise InvalidValueError("a quantity, or a list in which each quantity is larger")
    return quantities


def _read_timeouts(value: Any) -> tuple[int, ...]:
    durations = tuple(map(read_duration, value if isinstance(value, list) else [value]))
    if not durations or any(a >= b for a, b in pairwise(durations)):
        raise InvalidValueError("a duration, or a list in which each duration is longer")
    return durations


def _read_growth(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 < value <= 100:
        raise InvalidValueError("a number between 1 and 100, such as 2")
    return float(value)


def _strings(names: str | None = None, values: Schema | None = None) -> Schema:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": {"type": "string", "not": {"pattern": r"\{\{"}, **(values or {})},
    }
    return schema | ({"propertyNames": {"pattern": anchored(names)}} if names else {})


def _list_too(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema, "minItems": 1}]}


_COUNT_SCHEMA: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_VOLUME_SCHEMAS: dict[str, Schema] = {
    "claim": NAME_SCHEMA,
    "ephemeral": QUANTITY_SCHEMA,
    "empty_dir": QUANTITY_SCHEMA,
    "shared_memory": QUANTITY_SCHEMA,
    "storage_class": NAME_SCHEMA,
    "sub_path": TEXT_SCHEMA,
    "read_only": _FLAG,
}

_MEMORIES_SCHEMA = _list_too(QUANTITY_SCHEMA)
MEMORIES = Value(
    _read_memory,
    {
        "anyOf": [
            *_MEMORIES_SCHEMA["anyOf"],
            {
                "type": "object",
                "required": [_AUTO],
                "additionalProperties": False,
                "properties": {_AUTO: _MEMORIES_SCHEMA},
            },
        ]
    },
    "a Kubernetes quantity, a list of them, or `{auto: 2Gi}`",
)
TIMEOUTS = Value(
    _read_timeouts,
    _list_too(DURATION_SCHEMA),
    "seconds, or for example `1h30m`, or a list of durations",
)
GROWTH = Value(_read_growth, {"type": "number", "exclusiveMinimum": 1, "maximum": 100}, "a number")
GPU = Value(
    _read_gpu,
    {
        "anyOf": [
            _COUNT_SCHEMA,
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "propertyNames": {"pattern": anchored(_RESOURCE)},
                "additionalProperties": _COUNT_SCHEMA,
            },
        ]
    },
    "a number, or for example `{amd.com/gpu: 1}`",
)
LABELS = Value(
    _read_labels,
    _strings(_QUALIFIED, {"pattern": anchored(_LABEL)}),
    "a mapping of labels to strings",
)
ANNOTATIONS = Value(
    _read_pairs(_read_key, "of annotations to strings"),
    _strings(_QUALIFIED),
    "a mapping of annotations to strings",
)
ENV = Value(
    _read_pairs(_read_variable, "of variables to strings"),
    _strings(rf"(?!({'|'.join(_OURS)})$|{_PREFIX}){_VARIABLE}"),
    "a mapping of variables to strings",
)
VOLUMES = Value(
    _read_volumes,
    {
        "type": "object",
        "propertyNames": {"pattern": anchored(rf"(?!({'|'.join(_RESERVED)})(/|$)){FOLDER}")},
        "additionalProperties": {
            "oneOf": [
                {
                    "type": "object",
                    "required": [source],
                    "additionalProperties": False,
                    "properties": {key: _VOLUME_SCHEMAS[key] for key in keys},
                }
                for source, keys in _VOLUME_KEYS.items()
            ]
        },
    },
    "a mapping of folders to [volumes](#volumes)",
)
STRUCTURE = Value(_read_structure, {"type": "object"}, "a mapping as Kubernetes has it")
