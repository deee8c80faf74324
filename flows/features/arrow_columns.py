"""Columns of Arrow tables: the type of each kind of column, and columns as numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import Float32s, Ints

# By `columns.Column.kind`.
ARROW_TYPES = {
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


def integers(table: pa.Table, column: str) -> Ints:
    """Return a column of integers, none of which is empty, shape (n_rows,)."""
    values: Ints = table[column].to_numpy().astype(np.int64, copy=False)
    return values


def float32s(values: pa.ChunkedArray) -> Float32s:
    """Return numbers in the precision that models read, NaN where empty, shape (n_rows,)."""
    numbers: npt.NDArray[Any] = pc.fill_null(values, np.nan).to_numpy()
    return numbers.astype(np.float32)


def full_hours_s(table: pa.Table) -> Ints:
    """Return the column `time_hour` in seconds since 1970, UTC, shape (n_rows,)."""
    seconds: Ints = table["time_hour"].cast(pa.int64()).to_numpy()
    return seconds


def month_starts(table: pa.Table, months_later: int = 0) -> Ints:
    """Return the first day of each row's local month, or of a later month, in days since 1970."""
    months = (integers(table, "year") - 1970) * 12 + integers(table, "month") - 1 + months_later
    days: Ints = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days
