"""Files of parameters and metrics as DVC reads them: JSON, TOML, Python, or else YAML."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from dvc_bridge.dvcio.reading.yaml12 import parse
from dvc_bridge.errors import UsageError


def parse_values(text: str, name: str) -> Any:
    """Return the content of a file of parameters or metrics.

    Parameters
    ----------
    name
        The name of the file, in messages too; its suffix decides the format.

    Raises
    ------
    UsageError
        DVC cannot read the text either; the message has `name` and the position.
    """
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise UsageError(f"{name}: {exc}", "correct the file at that position") from exc
    if suffix in (".toml", ".py"):
        return _parse_as_dvc(text, name, suffix)
    return parse(text, name)


def _parse_as_dvc(text: str, name: str, suffix: str) -> Any:
    from dvc.utils.serialize import PARSERS, ParseError  # noqa: PLC0415  half a second, only here

    try:
        return PARSERS[suffix](text, name)
    except ParseError as exc:
        raise UsageError(f"{name}: {exc}: {exc.__cause__}", "correct the file") from exc
    except (MemoryError, RecursionError) as exc:  # what Python's parser raises
        raise UsageError(f"{name} is nested too deeply", "correct the file") from exc
