"""Raw CSV files read as typed tables; what does not fit its column is refused with its place."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from .columns import Column
from .errors import StageError
from .rows import FIRST_ROW, wrong_rows
from .values import TYPES, wrong_values

_READ = pacsv.ReadOptions(use_threads=False)  # the pool costs more CPU than it saves on such files
_EMPTY = ("", "NA", "NaN")
_PARSE: dict[str, Callable[[str], object]] = {
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
        What it holds.
    columns : mapping of name to Column
        Every column that the file must have, in any order; others are refused.
    key : sequence of str
        The columns that together tell one row from all others.
    only : iterable of str, optional
        The columns to keep; all are looked for, only these are read.

    Raises
    ------
    StageError
        Columns missing or unknown, a value of the wrong type, out of range or empty, a day or hour
        that is none, a row twice: each with file, column, row and value.
    """
    _check_header(f"{name}", content, columns)
    wanted = {c: columns[c] for c in (only or columns)}
    fix = f"correct {name}, or restore it with `dvc checkout`"
    convert = pacsv.ConvertOptions(
        column_types={c: TYPES[column.kind] for c, column in wanted.items()},
        include_columns=list(wanted),
        null_values=_EMPTY,
        strings_can_be_null=True,
        timestamp_parsers=[pacsv.ISO8601],
    )
    try:
        table = pacsv.read_csv(io.BytesIO(content), _READ, convert_options=convert)
    except pa.ArrowInvalid as error:
        problems = _wrong_types(f"{name}", content, wanted)
        problems = problems or [f"{name}: {_with_name(str(error), content)}"]
        raise StageError(problems, fix) from None
    # Whole rows are looked at only where each value by itself is good.
    problems = wrong_values(f"{name}", table, wanted, FIRST_ROW)
    if problems := problems or wrong_rows(f"{name}", table, key):
        raise StageError(problems, fix)
    return table


def _with_name(said: str, content: bytes) -> str:
    """Put the column's name where arrow gives its number, counted from 0."""
    head = _header(content)

    def name(found: re.Match[str]) -> str:
        return f"column {head[int(found[1])]}" if int(found[1]) < len(head) else found[0]

    return re.sub(r"CSV column #(\d+)", name, said)


def _header(content: bytes) -> list[str]:
    line = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    return [name.strip('"') for name in line.rstrip("\r").split(",")]


def _check_header(name: str, content: bytes, columns: Mapping[str, Column]) -> None:
    head = _header(content)
    if [c.strip() for c in head] == [""]:
        raise StageError([f"{name} is empty"], "dvc checkout, or dvc repro --force ingest")
    problems = [f"{name}: column {c} is missing" for c in columns if c not in head]
    problems += [f"{name}: column {c} is unknown" for c in head if c not in columns]
    problems += [f"{name}: column {c} is there twice" for c in columns if head.count(c) > 1]
    if problems:
        raise StageError(problems, f"{name} needs the columns {', '.join(columns)}")


def _wrong_types(name: str, content: bytes, columns: Mapping[str, Column]) -> list[str]:
    """Find the first value of each column that is not of its kind: arrow says no column's name."""
    convert = pacsv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.binary()),
        include_columns=list(columns),
        null_values=_EMPTY,
        strings_can_be_null=True,
    )
    try:
        table = pacsv.read_csv(io.BytesIO(content), _READ, convert_options=convert)
    except pa.ArrowInvalid:  # not even rows of equal length: arrow's message names the row
        return []
    problems = []
    for column, allowed in columns.items():
        for row, value in enumerate(table[column].to_pylist(), FIRST_ROW):
            if value is not None and not _parses(value, _PARSE[allowed.kind]):
                text = repr(value.decode("utf-8", "backslashreplace"))[:80]
                place = f"{name}: column {column} = {text} in row {row}"
                problems.append(f"{place}: not of kind {allowed.kind}")
                break
    return problems


def _parses(value: bytes, parse: Callable[[str], object]) -> bool:
    try:
        parse(value.decode())
    except ValueError:
        return False
    return True
