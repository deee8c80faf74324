"""Read YAML with the C parser: the same values as DVC, ten times faster.

DVC's parser, ruamel.yaml, follows YAML 1.2 and is pure Python; libyaml follows YAML 1.1. They
differ in the types of plain scalars, which this module determines, and in a few rare features.
DVC's own parser reads files with such features and files with errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dvc_bridge.errors import UsageError

_CONSTANTS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_MAYBE_NUMBER = frozenset("-+.0123456789")
# Everything that ruamel.yaml can read as a number or a date, and more; few md5s match.
_ODD = re.compile(
    r"[-+]?(?:0b[01_]*|0[xo][0-9a-fA-F_]*|\.(?:inf|Inf|INF|nan|NaN|NAN)|[0-9_.]+(?:[eE][-+]?[0-9_]+)?)"
    r"|[0-9]{4}-.*"
)
# What the two scanners can read differently: documents, tags, merges, tabs, unusual line ends,
# explicit keys, anchors with a colon; blocks that begin with a comment or a line of spaces.
_RARE = re.compile(
    r"^(?:\ufeff|%|---|\.\.\.|\?)|!|<<|[\t\r\x7f-\x9f\u2028\u2029]|[&*]\S*:"
    r"|[|>][-+0-9]* *(?:#|\n\n*(?: +\n|#))",
    re.MULTILINE,
)


class _RareError(Exception):
    """The text has a feature that the two parsers can read differently."""


class _Loader(yaml.CSafeLoader):
    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            if value == "=":
                raise _RareError
            return "plain"
        tag: str = super().resolve(kind, value, (False, True))  # type: ignore[no-untyped-call]
        return tag

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            raise _RareError
        return mapping


def _plain(_: Any, node: Any) -> Any:
    text: str = node.value
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _MAYBE_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _scalar(text) if _ODD.fullmatch(text) else text


@cache
def _scalar(text: str) -> Any:
    from dvc.utils.serialize import loads_yaml  # noqa: PLC0415  only for unusual numbers and dates

    return loads_yaml(f"- {text}")[0]  # in a list, because `...` alone would end the document


_Loader.add_constructor("plain", _plain)


def parse(text: str, path: str) -> Any:
    """Return the same value as DVC's own parser for `text`; `{}` for an empty text.

    Raises
    ------
    UsageError
        `text` is not valid YAML; the message has `path`, line and column.
    """
    if not _RARE.search(text):
        try:
            return yaml.load(text, Loader=_Loader) or {}  # noqa: S506  a subclass of the safe one
        except (yaml.YAMLError, _RareError, ValueError, RecursionError):
            pass  # DVC's parser reads the text or reports the error
    return _parse_as_dvc(text, path)


def read(path: Path, name: str) -> Any:
    """Return the content of an existing file; `name` is its name in messages."""
    return parse(text_of(path, name), name)


def text_of(path: Path, name: str) -> str:
    """Return the text of a file as DVC reads it.

    Raises
    ------
    UsageError
        The file is not UTF-8, is a named pipe, or cannot be read.
    """
    try:
        if path.is_fifo():  # reading would block
            raise UsageError(
                f"{name} is a named pipe, not a file", f"remove it, or git checkout {name}"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{name} is not UTF-8: {exc.reason}", "save it as UTF-8") from exc
    except OSError as exc:
        fix = f"check its type and permissions: ls -ld {name}"
        raise UsageError(f"{name} cannot be read: {exc.strerror}", fix) from exc


def _parse_as_dvc(text: str, path: str) -> Any:
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml  # noqa: PLC0415  half a second

    try:
        return parse_yaml(text, path)
    except YAMLFileCorruptedError as exc:
        raise UsageError(
            f"{path}: {_describe_error(exc.__cause__, text)}", _fix(text, path)
        ) from exc
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply", "correct the file") from None
    except (ValueError, LookupError, TypeError) as exc:  # such as an invalid date
        raise UsageError(f"{path}: {exc}") from exc


def _describe_error(cause: BaseException | None, text: str) -> str:
    position = getattr(cause, "position", None)
    if position is not None:
        line = text.count("\n", 0, position) + 1
        return f"line {line}: a character that YAML does not allow: {text[position]!r}"
    mark = getattr(cause, "problem_mark", None)
    problem = getattr(cause, "problem", None) or "invalid YAML"
    context = getattr(cause, "context", None)
    message = f"{context}: {problem}" if context else problem
    return f"line {mark.line + 1}, column {mark.column + 1}: {message}" if mark else str(message)


def _fix(text: str, path: str) -> str:
    if re.search(r"^<<<<<<< ", text, re.MULTILINE):
        choose = "take either side (git checkout --ours or --theirs), then run dvc-bridge repro"
        step = choose if path.endswith(".lock") else "resolve the conflict"
        return f"the file has an unresolved merge conflict of git: {step}"
    return "correct the file at that position"


def line_of(text: str, keys: Sequence[Any]) -> int:
    """Return the line (from 1) of the value at `keys`, or of the last key that exists."""
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if k.value == str(key)]
            if not pairs:
                break
            name, node = pairs[-1]
            line = name.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
            line = node.start_mark.line + 1
        else:
            break
    return line


def lines_of_entries(text: str, section: str) -> dict[str, int]:
    """Return the line (from 1) of each key in a mapping at the top of a document."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else ()
    entries = [value for key, value in pairs if key.value == section][-1:]
    return {
        str(key.value): key.start_mark.line + 1
        for entry in entries
        if isinstance(entry, yaml.MappingNode)
        for key, _ in entry.value
    }


def path_to_loop(value: Any) -> list[Any]:
    """Return the keys of a value that contains itself by a YAML alias; empty if there is none."""
    return _path_to_loop(value, (), set())


def _path_to_loop(value: Any, parents: tuple[int, ...], checked: set[int]) -> list[Any]:
    """Return the keys below `parents`; nested aliases need `checked` for time that is linear."""
    for key, inner in _items(value):
        if id(inner) in (*parents, id(value)):
            return [key]
        if id(inner) not in checked:
            checked.add(id(inner))
            if keys := _path_to_loop(inner, (*parents, id(value)), checked):
                return [key, *keys]
    return []


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def count_values(value: Any) -> float:
    """Return how many values there are when each YAML alias is a copy.

    The number is infinite for a value that contains itself, or that is nested too deeply to count.
    """
    try:
        return _count_values(value, {})
    except RecursionError:
        return math.inf


def _count_values(value: Any, counts: dict[int, float]) -> float:
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in counts:
        counts[id(value)] = math.inf  # what a value that contains itself has
        counts[id(value)] = 1 + sum(_count_values(inner, counts) for _, inner in _items(value))
    return counts[id(value)]
