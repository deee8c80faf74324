"""YAML as DVC reads it, by the C parser: the same values, ten times faster.

DVC's parser, ruamel.yaml, follows YAML 1.2 and is pure Python; libyaml follows 1.1. The two agree
on everything but the type of plain scalars, which is decided here, and on a few rare features, for
which, as for every error, the text is handed to DVC's own parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dvc_bridge.errors import UsageError

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]+(?:[eE][-+]?[0-9]+)?")
_MAYBE_NUMBER = frozenset("-+.0123456789")
# All that ruamel.yaml may take for a number or a date, and more; an md5 is seldom among it.
_ODD = re.compile(
    r"[-+]?(?:0[xob][0-9a-fA-F_]*|\.(?:inf|Inf|INF|nan|NaN|NAN)|[0-9_.]+(?:[eE][-+]?[0-9_]+)?)"
    r"|[0-9]{4}-.*"
)
# What the two scanners cut differently: documents, tags, merges, tabs, line ends of their own,
# explicit keys, anchors with a colon; blocks with a comment or a line of spaces at their head.
_RARE = re.compile(
    r"^(?:\ufeff|%|---|\.\.\.|\?)|!|<<|[\t\r\x7f-\x9f\u2028\u2029]|[&*]\S*:"
    r"|[|>][-+0-9]* *(?:#|\n\n*(?: +\n|#))",
    re.MULTILINE,
)


class _RareError(Exception):
    """What the two parsers may see differently."""


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
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAYBE_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _scalar(text) if _ODD.fullmatch(text) else text


@cache
def _scalar(text: str) -> Any:
    from dvc.utils.serialize import loads_yaml  # noqa: PLC0415  only for odd numbers and dates

    return loads_yaml(f"- {text}")[0]  # by itself, ... would be the end of a document


_Loader.add_constructor("plain", _plain)


def parse(text: str, path: str) -> Any:
    """Return what DVC's own parser gives for `text`; `{}` for an empty one.

    Raises
    ------
    UsageError
        No YAML; `path`, line and column are named.
    """
    if not _RARE.search(text):
        try:
            return yaml.load(text, Loader=_Loader) or {}  # noqa: S506  a subclass of the safe one
        except (yaml.YAMLError, _RareError, ValueError, RecursionError):
            pass  # DVC's parser says what is wrong, or reads it
    return _parse_as_dvc(text, path)


def read(path: Path, shown: str) -> Any:
    """Return the values of a file that exists; `shown` is its name in messages."""
    return parse(text_of(path, shown), shown)


def text_of(path: Path, shown: str) -> str:
    """Return the text of a file as DVC reads it.

    Raises
    ------
    UsageError
        It is not UTF-8, or may not be read.
    """
    try:
        if path.is_fifo():  # reading would wait for ever
            raise UsageError(
                f"{shown} is a pipe, not a file", f"remove it, or git checkout {shown}"
            )
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{shown} is not UTF-8: {exc.reason}", "save it as UTF-8") from exc
    except OSError as exc:
        fix = f"look at what stands there: ls -ld {shown}"
        raise UsageError(f"{shown} cannot be read: {exc.strerror}", fix) from exc


def _parse_as_dvc(text: str, path: str) -> Any:
    from dvc.utils.serialize import YAMLFileCorruptedError, parse_yaml  # noqa: PLC0415  half a second

    try:
        return parse_yaml(text, path)
    except YAMLFileCorruptedError as exc:
        raise UsageError(f"{path}: {_syntax(exc.__cause__, text)}", _next_step(text, path)) from exc
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply", "correct the file") from None
    except (ValueError, LookupError, TypeError) as exc:  # such as a date that no calendar has
        raise UsageError(f"{path}: {exc}") from exc


def _syntax(cause: BaseException | None, text: str) -> str:
    at = getattr(cause, "position", None)
    if at is not None:
        line = text.count("\n", 0, at) + 1
        return f"line {line}: a character that YAML does not allow: {text[at]!r}"
    mark = getattr(cause, "problem_mark", None)
    problem = getattr(cause, "problem", None) or "not YAML"
    context = getattr(cause, "context", None)
    said = f"{context}: {problem}" if context else problem
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}" if mark else str(said)


def _next_step(text: str, path: str) -> str:
    if re.search(r"^<<<<<<< ", text, re.MULTILINE):
        lock = path.endswith(".lock")
        keep = "take either side (git checkout --ours or --theirs), then dvc-bridge repro"
        return f"git's merge left both sides in it: {keep if lock else 'resolve the conflict'}"
    return "correct the file at that place"


def line_of(text: str, keys: Sequence[Any]) -> int:
    """Return the line, from 1, of the value that `keys` lead to, or as far as they do."""
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


def path_to_loop(value: Any, above: tuple[int, ...] = ()) -> list[Any]:
    """Return the keys that lead to a value that contains itself, by a YAML alias; none: no keys."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        if id(inner) in (*above, id(value)):
            return [key]
        if found := path_to_loop(inner, (*above, id(value))):
            return [key, *found]
    return []
