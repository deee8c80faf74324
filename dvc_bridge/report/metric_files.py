"""Read metrics and plot files."""

from __future__ import annotations

import csv
import io
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from dvc_bridge.dvcio.reading.value_file import parse_values
from dvc_bridge.dvcio.reading.yaml12 import count_values
from dvc_bridge.errors import UsageError

# A page of more values helps no reader, and YAML aliases can make billions of a few lines.
MOST_VALUES = 1_000_000

Rows = Sequence[Mapping[str, Any]]


def metric_files(wdir: str, entry: Mapping[str, Any]) -> list[str]:
    """Return the metrics files of a stage, from the project's root.

    Parameters
    ----------
    entry
        The entry of the stage in dvc.yaml.
    """
    items = entry.get("metrics") or ()
    paths = [str(path) for item in items for path in (item if isinstance(item, dict) else [item])]
    return [posixpath.normpath(posixpath.join(wdir, path)) for path in paths]


def parsed(file: str, content: bytes | None) -> Any:
    """Return the content of a file of metrics, parameters or rows; None if it cannot be read."""
    if content is None:
        return None
    try:
        values = parse_values(content.decode("utf-8-sig"), file)
    except (UnicodeDecodeError, UsageError):
        return None
    has_aliases = b"&" in content and b"*" in content
    return None if has_aliases and count_values(values) > MOST_VALUES else values


def table(file: str, content: bytes | None, *, header: bool = True) -> Rows | None:
    """Return the rows of a plot's file: those of CSV or TSV, or else the first list of mappings.

    The result is None if there are no rows.

    Parameters
    ----------
    header
        Whether the first line of CSV or TSV names the columns; if not, they are named from 0.
    """
    if content is None:
        return None
    if file.endswith((".csv", ".tsv")):
        try:
            text = content.decode("utf-8-sig")
            separator = "\t" if file.endswith(".tsv") else ","
            rows = csv.reader(io.StringIO(text), delimiter=separator)
            names = None if header else [*map(str, range(len(next(rows, []))))]
            return list(csv.DictReader(io.StringIO(text), names, delimiter=separator))
        except (UnicodeDecodeError, csv.Error):
            return None
    return _find_rows(parsed(file, content))


def _find_rows(content: Any) -> Rows | None:
    """Return the first list of mappings; a stack, because content can be nested deeply."""
    values = [content]
    while values:
        value = values.pop()
        if isinstance(value, list) and value and all(isinstance(r, dict) and r for r in value):
            return value
        if isinstance(value, dict):
            values += reversed(value.values())
    return None
