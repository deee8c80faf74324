"""Parameter files as DVC reads them: YAML, JSON, TOML and Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.reading.yaml12 import read, text_of
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.stage import Params

_GLOB = frozenset("*?[]!")
LOOP = "remove the YAML alias that leads back to where it stands"


def read_values(path: str, params: Params) -> dict[str, Any]:
    """Return those of the asked-for values that the file has; of a whole file, its top level.

    Raises
    ------
    UsageError
        The file cannot be read or parsed.
    """
    content = _load(path, params.at)
    if not params.keys:
        whole = content if isinstance(content, dict) else {}
        check_types(whole, params.at)
        return whole
    found = {}
    for key in params.keys:
        try:
            found[key] = _value(content, key)
        except KeyError:
            continue
    check_types(found, params.at)
    return found


def check_types(values: Any, shown: str, where: str = "", above: tuple[int, ...] = ()) -> None:
    """Refuse values that DVC cannot keep, such as dates.

    Parameters
    ----------
    shown
        Names the file in messages.
    where, above
        Of values inside of others: the keys that lead to them, and what holds them.

    Raises
    ------
    UsageError
        With the parameter and its type.
    """
    if isinstance(values, dict | list | tuple):
        if id(values) in above:
            raise UsageError(f"{shown}: {where} contains itself", LOOP)
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        for key, value in pairs:
            inside = f"{where}.{key}" if where else str(key)
            check_types(value, shown, inside, (*above, id(values)))
    elif not isinstance(values, str | int | float | bool | None):
        kind = type(values).__name__
        raise UsageError(f"{shown}: {where} is a {kind}, which DVC cannot keep", "quote it")


def _load(path: str, shown: str) -> Any:
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        try:
            return json.loads(text_of(Path(path), shown))
        except ValueError as exc:
            raise UsageError(f"{shown}: {exc}", "correct the file at that place") from exc
    if suffix in (".toml", ".py"):
        return _load_as_dvc(path, shown)
    return read(Path(path), shown)


def _load_as_dvc(path: str, shown: str) -> Any:
    from dvc.fs import localfs  # noqa: PLC0415  a tenth of a second, for those who need it
    from dvc.utils.serialize import ParseError, load_path  # noqa: PLC0415

    try:
        return load_path(path, localfs)
    except ParseError as exc:
        raise UsageError(f"{shown}: {exc}: {exc.__cause__}", "correct the file") from exc


def _value(content: Any, key: str) -> Any:
    """Follow `a.b.0`; what is not plainly that is left to the library that DVC uses."""
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
