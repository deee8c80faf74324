"""The kinds of values in dvc-bridge.yaml: how each is read, and how documentation describes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.quantity import PATTERN, check_quantity
from dvc_bridge.pipeline.suggest import suggest

_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_IMAGE = r"[\w.:/@+-]+"
_DURATION = r"\d+|(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?"
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_EXPRESSION = "{{"

Schema = Mapping[str, Any]
NO_EXPRESSION: Schema = {"not": {"pattern": r"\{\{"}}


class InvalidValueError(Exception):
    """The value is invalid; the message describes a valid value."""


@dataclass(frozen=True, slots=True)
class Value:
    """A kind of value.

    Parameters
    ----------
    read
        Returns the value as the settings hold it, or raises `InvalidValueError`.
    schema
        The JSON schema of the value.
    shown
        What documentation says about the value, as Markdown.
    """

    read: Callable[[Any], Any]
    schema: Schema
    shown: str


def read_text(value: Any) -> str:
    """Read text that Argo takes unchanged."""
    if not isinstance(value, str) or not value.strip() or value != value.strip():
        raise InvalidValueError("text; numbers and true or false need quotes")
    if _EXPRESSION in value:
        raise InvalidValueError("text without {{, which Argo would read as an expression")
    return value


def read_name(value: Any) -> str:
    """Read the name of a Kubernetes object."""
    if not isinstance(value, str) or not re.fullmatch(_NAME, value):
        raise InvalidValueError("a Kubernetes name: lowercase letters, digits, - and .")
    return value


def read_quantity(value: Any) -> str:
    """Read a Kubernetes quantity, which is more than 0."""
    is_text = isinstance(value, int | float | str) and not isinstance(value, bool)
    quantity = str(value) if is_text else ""
    try:
        check_quantity(quantity)
    except ValueError as exc:
        raise InvalidValueError(str(exc)) from exc
    return quantity


def read_duration(value: Any) -> int:
    """Read a duration in seconds, which is more than 0."""
    text = "" if isinstance(value, bool) else str(value)
    parts = re.findall(r"(\d+)([smhd]?)", text) if re.fullmatch(_DURATION, text) else []
    seconds = sum(int(number) * _UNIT_S[unit] for number, unit in parts)
    if not seconds:
        raise InvalidValueError("a duration: seconds, or 90m, 1h30m, 2h, 1d")
    return seconds


def read_names(value: Any) -> tuple[str, ...]:
    """Read a name or a list of names, without repetitions."""
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(read_name(item) for item in items))


def _read_image(value: Any) -> str:
    if not re.fullmatch(_IMAGE, read_text(value)):
        raise InvalidValueError("an image name such as registry/name:tag")
    return str(value)


def anchored(pattern: str) -> str:
    """Return a pattern for a whole string; JSON schemas look for a pattern anywhere."""
    return f"^(?:{pattern})$"


TEXT_SCHEMA: Schema = {"type": "string", "minLength": 1, **NO_EXPRESSION}
NAME_SCHEMA: Schema = {"type": "string", "pattern": anchored(_NAME)}
QUANTITY_SCHEMA: Schema = {
    "type": ["number", "string"],
    "exclusiveMinimum": 0,
    "pattern": anchored(PATTERN),
}
DURATION_SCHEMA: Schema = {
    "type": ["integer", "string"],
    "minimum": 1,
    "pattern": anchored(_DURATION),
}

IMAGE = Value(_read_image, {"type": "string", "pattern": anchored(_IMAGE)}, "an image")
NAME = Value(read_name, NAME_SCHEMA, "a name")
QUANTITY = Value(read_quantity, QUANTITY_SCHEMA, "a Kubernetes quantity")
DURATION = Value(read_duration, DURATION_SCHEMA, "seconds, or for example `1h30m`")


def one_or_list(schema: Schema) -> Schema:
    """Return the schema of a value or a list of values."""
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


NAMES = Value(read_names, one_or_list(NAME_SCHEMA), "a name or a list of names")


def at_least(least: int) -> Value:
    """Return the kind of integers that are at least `least`."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidValueError(f"an integer, {least} or more")
        return value

    return Value(read, {"type": "integer", "minimum": least}, "a number")


def one_of(choices: Sequence[str], make: Callable[[str], Any] = str) -> Value:
    """Return the kind of words that are one of the choices; `make` turns them into values."""

    def read(value: Any) -> Any:
        if value not in choices:
            raise InvalidValueError(f"one of {', '.join(choices)}{suggest(value, choices)}")
        return make(value)

    *most, last = (f"`{choice}`" for choice in choices)
    return Value(read, {"enum": list(choices)}, f"{', '.join(most)} or {last}")


def words(noun: str) -> Value:
    """Return the kind of a word or a list of words, for which messages have this noun."""

    def read(value: Any) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise InvalidValueError(f"a {noun} or a list of {noun}s")
        return tuple(items)

    return Value(read, one_or_list({"type": "string"}), f"a {noun} or a list of {noun}s")
