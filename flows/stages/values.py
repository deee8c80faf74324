"""Values of a table against what its columns may hold; what does not fit is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .columns import Column

TYPES = {
    "int": pa.int64(),
    "flag": pa.int8(),
    "whole": pa.float64(),
    "clock": pa.float64(),
    "float": pa.float64(),
    "float32": pa.float32(),
    "text": pa.string(),
    "date": pa.date32(),
    "time": pa.timestamp("s", tz="UTC"),
    "time_ms": pa.timestamp("ms", tz="UTC"),
}


def wrong_values(
    name: str, table: pa.Table, columns: Mapping[str, Column], first_row: int = 1
) -> list[str]:
    """Name the columns of `table` that are empty where they may not be, or out of their range.

    Parameters
    ----------
    name : str
        The file, for the messages.
    columns : mapping of name to Column
        What `table`, which has all of these columns in their types, may hold.
    first_row : int
        The number that the file gives its first row of values.
    """
    if not table.num_rows:
        return [f"{name} has no rows"]
    problems = []
    for column, allowed in columns.items():
        values = table[column]
        empty = pc.is_null(values, nan_is_null=True).to_numpy()
        if empty.any() and not allowed.empty:
            row = int(empty.argmax()) + first_row
            problems.append(f"{name}: column {column} is empty in {empty.sum()} rows, first {row}")
        if allowed.kind in ("text", "date", "time", "time_ms"):
            continue
        wrong = _outside(values.to_numpy(), allowed) & ~empty
        if wrong.any():
            at = int(wrong.argmax())
            value, row = values[at].as_py(), at + first_row
            problems.append(
                f"{name}: column {column} = {value:g} in row {row}: {_why(value, allowed)}"
            )
    return problems


def float32s(values: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """Give numbers as models read them, NaN where there is none, shape (n_rows,)."""
    numbers: npt.NDArray[Any] = pc.fill_null(values, np.nan).to_numpy()
    return numbers.astype(np.float32)


def _outside(values: np.ndarray[Any, Any], allowed: Column) -> npt.NDArray[np.bool_]:
    inside = (values >= allowed.low) & (values <= allowed.high) & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        if allowed.kind in ("whole", "clock"):
            inside &= values % 1 == 0
        if allowed.kind == "clock":
            inside &= values % 100 < 60
    outside: npt.NDArray[np.bool_] = ~inside
    return outside


def _why(value: float, allowed: Column) -> str:
    if not np.isfinite(value):
        return "not a finite number"
    if not allowed.low <= value <= allowed.high:
        return f"outside {allowed.low:g} to {allowed.high:g}"
    return "not a time of day, hhmm" if allowed.kind == "clock" else "not a whole number"
