"""Read metrics and plot files."""

from __future__ import annotations

import csv
import io
import json
import posixpath
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

Rows = Sequence[Mapping[str, Any]]


def metric_files(wdir: str, entry: Mapping[str, Any]) -> list[str]:
    """Return the metrics files of a stage, from the project's root.

    Parameters
    ----------
    entry
        The entry of the stage in dvc.yaml.
    """
    items = entry.get("metrics") or ()
    paths = [path for item in items for path in ([item] if isinstance(item, str) else item)]
    return [posixpath.normpath(posixpath.join(wdir, path)) for path in paths]


def parsed(file: str, content: bytes | None) -> Any:
    """Return the content of a JSON, YAML or TOML file; None if it cannot be read."""
    try:
        text = (content or b"").decode("utf-8-sig")
        if content is None:
            return None
        if file.endswith(".toml"):
            return tomllib.loads(text)
        if file.endswith((".yaml", ".yml")):
            return yaml.safe_load(text)
        return json.loads(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def table(file: str, content: bytes | None) -> Rows | None:
    """Return the rows of a plot's file: those of CSV or TSV, or else the first list of mappings.

    The result is None if there are no rows.
    """
    if content is None:
        return None
    if file.endswith((".csv", ".tsv")):
        try:
            text = content.decode("utf-8-sig")
            separator = "\t" if file.endswith(".tsv") else ","
            return list(csv.DictReader(io.StringIO(text), delimiter=separator))
        except (UnicodeDecodeError, csv.Error):
            return None
    return _find_rows(parsed(file, content))


def _find_rows(value: Any) -> Rows | None:
    if isinstance(value, list):
        return value if value and all(isinstance(row, dict) and row for row in value) else None
    for inner in value.values() if isinstance(value, dict) else ():
        if (rows := _find_rows(inner)) is not None:
            return rows
    return None
