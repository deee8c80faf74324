"""Parameters in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.reading.value_file import parse_values
from dvc_bridge.dvcio.reading.yaml12 import text_of
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import Params

_GLOB = frozenset("*?[]!")
LOOP = "remove the YAML alias that refers to the value that contains it"


def read_values(path: str, params: Params) -> dict[str, Any]:
    """Return the requested values that the file has; without keys, its whole content.

    Raises
    ------
    UsageError
        The file cannot be read or parsed, or has a value that DVC cannot store.
    """
    content = parse_values(text_of(Path(path), params.at), params.at)
    if not params.keys:
        mapping = content if isinstance(content, dict) else {}
        check_types(mapping, params.at)
        return mapping
    values = {}
    for key in params.keys:
        try:
            values[key] = _value(content, key)
        except KeyError:
            continue
    check_types(values, params.at)
    return values


def check_types(values: Any, name: str) -> None:
    """Refuse values that DVC cannot store, such as dates.

    Parameters
    ----------
    name
        The file's name in messages.

    Raises
    ------
    UsageError
        A value has another type, or contains itself; the message has its keys.
    """
    _check_types(values, name, "", (), set())


def _check_types(
    values: Any, name: str, keys: str, parents: tuple[int, ...], checked: set[int]
) -> None:
    """Check values at `keys`; `checked` has ids: nested aliases would take exponential time."""
    if isinstance(values, dict | list | tuple):
        if id(values) in parents:
            raise UsageError(f"{name}: {keys} contains itself", LOOP)
        if id(values) in checked:
            return
        checked.add(id(values))
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        for key, value in pairs:
            inner_keys = f"{keys}.{key}" if keys else str(key)
            _check_types(value, name, inner_keys, (*parents, id(values)), checked)
    elif not isinstance(values, str | int | float | bool | None):
        kind = type(values).__name__
        raise UsageError(f"{name}: {keys} is a {kind}, which DVC cannot store", "quote it")


def _value(content: Any, key: str) -> Any:
    """Return the value at keys such as `a.b.c`; DVC's own library handles all other forms."""
    value = content
    for part in key.split("."):
        if _GLOB.isdisjoint(part) and isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return _value_as_dvc(content, key)
    return value


def _value_as_dvc(content: Any, key: str) -> Any:
    import dpath  # noqa: PLC0415

    return dpath.get(content, key, separator=".")
