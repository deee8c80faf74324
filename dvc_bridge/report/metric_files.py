"""Files of metrics and plots as values."""

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
    """Name the metrics files of a stage, from the project's root.

    Parameters
    ----------
    entry
        The stage as it stands in dvc.yaml.
    """
    items = entry.get("metrics") or ()
    paths = [path for item in items for path in ([item] if isinstance(item, str) else item)]
    return [posixpath.normpath(posixpath.join(wdir, path)) for path in paths]


def parsed(file: str, content: bytes | None) -> Any:
    """Return what a file of JSON, YAML or TOML holds; None where it cannot be read."""
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
    """Return the rows of a plot's file, of CSV or TSV by its head, else the first list of mappings.

    None where there are none.
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
    return _rows_in(parsed(file, content))


def _rows_in(value: Any) -> Rows | None:
    if isinstance(value, list):
        return value if value and all(isinstance(row, dict) and row for row in value) else None
    for inner in value.values() if isinstance(value, dict) else ():
        if (found := _rows_in(inner)) is not None:
            return found
    return None
