"""Check the values of a table against the ranges of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.features.arrays import Bools
from flows.features.columns import Column


def range_problems(
    name: str, table: pa.Table, columns: Mapping[str, Column], first_row: int = 1
) -> list[str]:
    """Return a problem per column of `table` with an empty value or one outside the column's range.

    Parameters
    ----------
    name : str
        The file, for the messages.
    columns : mapping of name to Column
        `table` has all of these columns, in their types.
    first_row : int
        The number of the first row of values in the file.
    """
    if not table.num_rows:
        return [f"{name} has no rows"]
    problems = []
    for column_name, column in columns.items():
        values = table[column_name]
        is_empty = pc.is_null(values, nan_is_null=True).to_numpy()
        if is_empty.any() and not column.empty:
            row = int(is_empty.argmax()) + first_row
            problems.append(
                f"{name}: column {column_name} is empty in {is_empty.sum()} rows, first {row}"
            )
        if column.kind in ("text", "date", "time", "time_ms"):
            continue
        is_wrong = _outside_range(values.to_numpy(), column) & ~is_empty
        if is_wrong.any():
            index = int(is_wrong.argmax())
            value, row = values[index].as_py(), index + first_row
            problems.append(
                f"{name}: column {column_name} = {value:g} in row {row}: {_reason(value, column)}"
            )
    return problems


def _outside_range(values: np.ndarray[Any, Any], column: Column) -> Bools:
    is_inside = (values >= column.low) & (values <= column.high) & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        if column.kind in ("whole", "clock"):
            is_inside &= values % 1 == 0
        if column.kind == "clock":
            is_inside &= values % 100 < 60
    is_outside: Bools = ~is_inside
    return is_outside


def _reason(value: float, column: Column) -> str:
    if not np.isfinite(value):
        return "not a finite number"
    if not column.low <= value <= column.high:
        return f"outside {column.low:g} to {column.high:g}"
    return "not a time of day, hhmm" if column.kind == "clock" else "not a whole number"
