"""Raw CSV files read as typed tables; what does not fit its column is refused with its place."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .columns import Raw
from .errors import StageError

_TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "text": pa.string(),
    "time": pa.timestamp("s", tz="UTC"),
}


def read_csv(
    stage: str,
    name: str,
    source: Path | bytes,
    columns: Mapping[str, Raw],
    only: Iterable[str] | None = None,
) -> pa.Table:
    """Read and check a CSV file.

    Parameters
    ----------
    stage, name : str
        Who reads what; both appear in every message.
    source : Path or bytes
        The file, or its content.
    columns : mapping of column to Raw
        Every column that the file must have, in any order; others are refused.
    only : iterable of str, optional
        The columns to keep; all are looked for, only these are read.

    Raises
    ------
    StageError
        Columns missing or unknown, a value of the wrong type, an empty value where none may be,
        a value out of range: each with file, column, row and value.
    """
    opened = io.BytesIO(source) if isinstance(source, bytes) else source
    wanted = list(only) if only is not None else list(columns)
    head = _header(stage, name, source)
    problems = [f"{name}: column {c} is missing" for c in columns if c not in head]
    problems += [f"{name}: column {c} is unknown" for c in head if c not in columns]
    if problems:
        raise StageError(stage, problems, f"{name} needs the columns {', '.join(columns)}")
    convert = pacsv.ConvertOptions(
        column_types={c: _TYPES[columns[c].kind] for c in wanted},
        include_columns=wanted,
        null_values=["", "NA", "NaN"],
        strings_can_be_null=True,
        timestamp_parsers=[pacsv.ISO8601],
    )
    # One thread: the arrow pool would cost more CPU than it saves wall on a file this small.
    try:
        table = pacsv.read_csv(
            opened, pacsv.ReadOptions(use_threads=False), convert_options=convert
        )
    except pa.ArrowInvalid as error:
        raise StageError(stage, [f"{name}: {error}"]) from None
    problems = [p for c in wanted for p in _wrong_values(name, c, table[c], columns[c])]
    if problems:
        raise StageError(stage, problems, f"correct {name}, or restore it with `dvc pull`")
    return table


def _header(stage: str, name: str, source: Path | bytes) -> list[str]:
    try:
        if isinstance(source, bytes):
            line = source.split(b"\n", 1)[0]
        else:
            with source.open("rb") as stream:
                line = stream.readline()
    except FileNotFoundError:
        raise StageError(stage, [f"{name} is missing"], "dvc repro ingest, or dvc pull") from None
    if not line.strip():
        raise StageError(stage, [f"{name} is empty"], "dvc repro --force ingest")
    return [c.strip().strip('"') for c in line.decode("utf-8", "replace").rstrip("\r\n").split(",")]


def _wrong_values(name: str, column: str, values: pa.ChunkedArray, raw: Raw) -> list[str]:
    problems = []
    if values.null_count and not raw.empty:
        row = pc.index(pc.is_null(values), True).as_py() + 2
        problems.append(
            f"{name}: column {column} is empty in {values.null_count} rows, first {row}"
        )
    if raw.kind not in ("int", "float") or len(values) == values.null_count:
        return problems
    for value in pc.min_max(values).as_py().values():
        if not raw.low <= value <= raw.high:
            row = pc.index(values, pa.scalar(value, values.type)).as_py() + 2
            problems.append(
                f"{name}: column {column} = {value:g} in row {row},"
                f" outside {raw.low:g} to {raw.high:g}"
            )
    if raw.kind == "float" and pc.any(pc.is_nan(values)).as_py():
        problems.append(f"{name}: column {column} holds a number that is not one (nan)")
    return problems
