"""Serialize entries of dvc.lock and the run cache: the same bytes as DVC, but faster.

DVC uses ruamel.yaml, which takes 5 ms for an entry of ten lines. This module writes the common
forms. DVC's own writer handles a section (such as `params`) with anything else, for example a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from math import isfinite
from typing import Any

# ruamel.yaml folds plain text beyond this column.
WIDTH = 80
# Long commands whose first word ends at each position around that column, or before it.
_FOLDED = tuple(f"{'a' * length} bc d{' efg' * 40}" for length in (1, *range(66, 86)))
# Certainly a plain scalar: begins like a word or a path, has no character with a meaning in YAML.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./=+@%,-]*(?: [A-Za-z0-9_./=+@%,$;&|<>()*?~^-]+)*")
_HEX = re.compile(r"(?=[0-9]*[a-f])(?!0b|[0-9]+e[0-9]+(?:$|\.))[0-9a-f]{32}(?:\.dir)?")
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


class _UnsupportedError(Exception):
    """Only DVC's own writer supports the value."""


def entry_text(entry: Mapping[str, Any]) -> str:
    """Return the text of one entry as in a file of the run cache."""
    return _entry_text(entry, ())


def named_entry_text(name: str, entry: Mapping[str, Any]) -> str:
    """Return the text of one entry as below `stages:` in a dvc.lock."""
    return _entry_text(entry, ("stages", name)).partition("\n")[2]


def _entry_text(entry: Mapping[str, Any], parents: Sequence[str]) -> str:
    """Return the text of an entry below the keys `parents`."""
    try:
        heads = [_line("  " * depth, parent, "") for depth, parent in enumerate(parents)]
        return "".join((*heads, *_sections(entry, parents)))
    except _UnsupportedError:
        return _as_dvc(entry, parents)


def _sections(entry: Mapping[str, Any], parents: Sequence[str]) -> Iterator[str]:
    """Yield the text of each key of an entry with its value, without the lines of `parents`."""
    has_nested = False
    for key, value in entry.items():
        try:
            yield "".join(_section_lines(key, value, "  " * len(parents)))
        except _UnsupportedError:
            # Two sections can share a list, which then has an anchor in one and an alias in the
            # other. Anchors are numbered through all sections.
            is_nested = not isinstance(value, str)
            if is_nested and has_nested:
                raise
            text = _as_dvc({key: value}, parents)
            if "&id" in text:
                raise
            has_nested |= is_nested
            yield text.split("\n", len(parents))[-1]


def _as_dvc(value: Mapping[str, Any], parents: Sequence[str]) -> str:
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second

    for parent in reversed(parents):
        value = {parent: value}
    return str(dumps_yaml(value))


def _section_lines(key: str, value: Any, indent: str) -> list[str]:
    if key == "cmd":
        return _cmd(value, indent)
    if key in ("deps", "outs") and value:
        items = (_mapping(item, f"{indent}- ", f"{indent}  ") for item in value)
        return [f"{indent}{key}:\n", *chain.from_iterable(items)]
    if key == "params" and value:
        return [f"{indent}params:\n", *chain.from_iterable(_params(value, f"{indent}  "))]
    raise _UnsupportedError


def _params(files: Mapping[str, Any], indent: str) -> Iterator[list[str]]:
    for file, values in files.items():
        if not values:
            raise _UnsupportedError
        yield [_line(indent, file, ""), *_mapping(values, f"{indent}  ", f"{indent}  ")]


def _cmd(value: Any, indent: str) -> list[str]:
    if isinstance(value, list) and value:
        lines = (_command_text(f"{indent}- ", command, indent) for command in value)
        return [f"{indent}cmd:\n", *lines]
    return [_command_text(f"{indent}cmd: ", value, indent)]


def _command_text(start: str, command: Any, indent: str) -> str:
    text = _scalar(command)
    if len(start) + len(text) >= WIDTH:
        if not _folds_as_dvc():
            raise _UnsupportedError
        text = _fold(text, len(start), len(indent) + 2)
    return f"{start}{text}\n"


def _fold(text: str, column: int, indent: int) -> str:
    """Break plain text that begins at `column` into lines, as `Emitter.write_plain` of ruamel.yaml.

    The space before a word that is too long for the line stays at the end of that line.
    """
    line_break = "\n" + " " * indent
    parts: list[str] = []
    for word in text.split(" "):
        if parts and column < WIDTH:
            parts.append(" ")
            column += 1
        elif parts:
            parts.append(line_break)
            column = indent
        if column + len(word) > WIDTH and column > indent:
            parts.append(line_break)
            column = indent
        parts.append(word)
        column += len(word)
    return "".join(parts)


@cache
def _folds_as_dvc() -> bool:
    """Return whether the installed ruamel.yaml folds as `_fold`; older releases do not."""
    lines = (f"- {_fold(text, 2, 2)}\n" for text in _FOLDED)
    return _as_dvc({"cmd": list(_FOLDED)}, ()) == "".join(("cmd:\n", *lines))


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
        raise _UnsupportedError
    return text


def _scalar(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float and isfinite(value):
        return repr(value)
    if type(value) is not str:
        raise _UnsupportedError
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED and " #" not in value:
        return value
    if _HEX.fullmatch(value):
        return value
    raise _UnsupportedError
