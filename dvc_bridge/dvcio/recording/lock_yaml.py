"""Serialize entries of dvc.lock and the run cache: the same bytes as DVC, but faster.

DVC uses ruamel.yaml, which takes 5 ms for an entry of ten lines. This module writes the common
forms. DVC's own writer handles an entry with anything else, such as a list or a long line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

# ruamel.yaml folds plain text beyond this column.
WIDTH = 80
# Certainly a plain scalar: begins like a word or a path, has no character with a meaning in YAML.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./=+@%,-]*(?: [A-Za-z0-9_./=+@%,$;&|<>()*?~^-]+)*")
_HEX = re.compile(r"(?=[0-9]*[a-f])(?!0b|[0-9]+e[0-9]+(?:$|\.))[0-9a-f]{32}(?:\.dir)?")
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


class _HardError(Exception):
    """The entry needs DVC's own writer."""


def entry_text(entry: Mapping[str, Any]) -> str:
    """Return the text of one entry as in a file of the run cache."""
    try:
        return "".join(_entry_lines(entry, ""))
    except _HardError:
        return _as_dvc(entry)


def named_entry_text(name: str, entry: Mapping[str, Any]) -> str:
    """Return the text of one entry as below `stages:` in a dvc.lock."""
    try:
        head = _line("  ", name, "")
        return "".join((head, *_entry_lines(entry, "    ")))
    except _HardError:
        return _as_dvc({"stages": {name: entry}}).partition("\n")[2]


def _as_dvc(value: Any) -> str:
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second

    return str(dumps_yaml(value))


def _entry_lines(entry: Mapping[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, value in entry.items():
        if key == "cmd":
            lines += _cmd(value, indent)
        elif key in ("deps", "outs") and value:
            lines.append(f"{indent}{key}:\n")
            for item in value:
                lines += _mapping(item, f"{indent}- ", f"{indent}  ")
        elif key == "params" and value:
            lines.append(f"{indent}params:\n")
            for file, values in value.items():
                lines.append(_line(f"{indent}  ", file, ""))
                if not values:
                    raise _HardError
                lines += _mapping(values, f"{indent}    ", f"{indent}    ")
        else:
            raise _HardError
    return lines


def _cmd(value: Any, indent: str) -> list[str]:
    if isinstance(value, list) and value:
        return [f"{indent}cmd:\n", *(f"{indent}- {_text(v, len(indent) + 2)}\n" for v in value)]
    return [_line(indent, "cmd", _text(value, len(indent) + 5))]


def _mapping(items: Mapping[str, Any], first: str, rest: str) -> list[str]:
    lines, indent = [], first
    for key, value in items.items():
        lines.append(_line(indent, key, _text(value, len(indent) + len(str(key)) + 2)))
        indent = rest
    return lines


def _line(indent: str, key: Any, text: str) -> str:
    return f"{indent}{_text(key, len(indent))}:{' ' if text else ''}{text}\n"


def _text(value: Any, column: int) -> str:
    text = _scalar(value)
    if column + len(text) >= WIDTH:
        raise _HardError
    return text


def _scalar(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float and isfinite(value):
        return repr(value)
    if type(value) is not str:
        raise _HardError
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED and " #" not in value:
        return value
    if _HEX.fullmatch(value):
        return value
    raise _HardError
