"""Read raw CSV files as typed tables; values that do not conform to their column are errors."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from flows.errors import StageError
from flows.features.arrow_columns import ARROW_TYPES
from flows.features.columns import Column

from .range_checks import range_problems
from .row_checks import FIRST_ROW, row_problems

_READ = pacsv.ReadOptions(use_threads=False)  # threads cost more CPU than they save on such files
_EMPTY = ("", "NA", "NaN")
_PARSERS: dict[str, Callable[[str], object]] = {
    "int": int,
    "whole": float,
    "clock": float,
    "float": float,
    "text": str,
    "time": datetime.fromisoformat,
}


def read_csv(
    name: str | Path,
    content: bytes,
    columns: Mapping[str, Column],
    key: Sequence[str],
    only: Iterable[str] | None = None,
) -> pa.Table:
    """Read and check a CSV file.

    Parameters
    ----------
    name : str or Path
        The file, for the messages.
    content : bytes
        The contents of the file.
    columns : mapping of name to Column
        All columns of the file, in any order; others are errors.
    key : sequence of str
        The columns that together identify a row.
    only : iterable of str, optional
        The columns to read, by default all. All must exist.

    Raises
    ------
    StageError
        A column is missing or unknown; a value has the wrong type, is out of range or empty; a day
        or hour does not exist; a row appears twice. Each problem has file, column, row and value.
    """
    _check_header(f"{name}", content, columns)
    selected = {c: columns[c] for c in (only or columns)}
    fix = f"correct {name}, or restore it with `dvc checkout`"
    convert = pacsv.ConvertOptions(
        column_types={c: ARROW_TYPES[column.kind] for c, column in selected.items()},
        include_columns=list(selected),
        null_values=_EMPTY,
        strings_can_be_null=True,
        timestamp_parsers=[pacsv.ISO8601],
    )
    try:
        table = pacsv.read_csv(io.BytesIO(content), _READ, convert_options=convert)
    except pa.ArrowInvalid as error:
        problems = _type_problems(f"{name}", content, selected)
        problems = problems or [f"{name}: {_with_column_names(str(error), content)}"]
        raise StageError(problems, fix) from None
    # Rows are checked only if each of their values is valid by itself.
    problems = range_problems(f"{name}", table, selected, FIRST_ROW)
    if problems := problems or row_problems(f"{name}", table, key):
        raise StageError(problems, fix)
    return table


def _with_column_names(message: str, content: bytes) -> str:
    """Replace the numbers of columns, which Arrow counts from 0, by their names."""
    header = _header(content)

    def name(match: re.Match[str]) -> str:
        index = int(match[1])
        return f"column {header[index]}" if index < len(header) else match[0]

    return re.sub(r"CSV column #(\d+)", name, message)


def _header(content: bytes) -> list[str]:
    line = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    return [name.strip('"') for name in line.rstrip("\r").split(",")]


def _check_header(name: str, content: bytes, columns: Mapping[str, Column]) -> None:
    header = _header(content)
    if [c.strip() for c in header] == [""]:
        fix = "run `dvc checkout` or `dvc repro --force ingest`"
        raise StageError([f"{name} is empty"], fix)
    problems = [f"{name}: column {c} is missing" for c in columns if c not in header]
    problems += [f"{name}: column {c} is unknown" for c in header if c not in columns]
    problems += [f"{name}: column {c} appears twice" for c in columns if header.count(c) > 1]
    if problems:
        raise StageError(problems, f"{name} needs the columns {', '.join(columns)}")


def _type_problems(name: str, content: bytes, columns: Mapping[str, Column]) -> list[str]:
    """Find the first value of the wrong type in each column; Arrow's error has no column name."""
    convert = pacsv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.binary()),
        include_columns=list(columns),
        null_values=_EMPTY,
        strings_can_be_null=True,
    )
    try:
        table = pacsv.read_csv(io.BytesIO(content), _READ, convert_options=convert)
    except pa.ArrowInvalid:  # rows of different lengths: Arrow's message names the row
        return []
    problems = []
    for column_name, column in columns.items():
        for row, value in enumerate(table[column_name].to_pylist(), FIRST_ROW):
            if value is not None and not _is_valid(value, _PARSERS[column.kind]):
                text = repr(value.decode("utf-8", "backslashreplace"))[:80]
                location = f"{name}: column {column_name} = {text} in row {row}"
                problems.append(f"{location}: not of kind {column.kind}")
                break
    return problems


def _is_valid(value: bytes, parse: Callable[[str], object]) -> bool:
    try:
        parse(value.decode())
    except ValueError:
        return False
    return True
