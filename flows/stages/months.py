"""Feature files read back: whole months, split in time and in no other way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from .asof import Ints
from .columns import FEATURE_FILE, LABEL, Column
from .errors import StageError
from .parquet import read_table
from .rows import AGAIN, named_row, repeated
from .span import month_before, month_files

_FIX = "dvc checkout, or run again the stage that writes the file"
_FLIGHT = ("departure_utc", "carrier", "flight", "origin")


def read_months(root: Path, first: str | None = None, *, last: str) -> pa.Table:
    """Read the features of every month from `first` to `last`, written YYYY-MM, both with it.

    Parameters
    ----------
    first : str, optional
        Without it, the first month that there is.

    Raises
    ------
    StageError
        A month of the span is missing, or a file of it is not as `columns.FEATURE_FILE` says, is of
        another month, or holds a flight twice.
    """
    files = month_files(root / "data" / "features", ".parquet", first, last)
    tables = []
    for month, file in files.items():
        table = read_month(file, month, FEATURE_FILE)
        if wrong := named_row(f"{file}", table, repeated(table, _FLIGHT), _FLIGHT, AGAIN, 1):
            raise StageError(wrong, _FIX)
        tables.append(table)
    return pa.concat_tables(tables).combine_chunks()


def read_month(file: Path, month: str, columns: Mapping[str, Column]) -> pa.Table:
    """Read the columns `columns`, `date` among them, of a file whose rows are all of `month`.

    Raises
    ------
    StageError
        The file is not as `columns` says, or a row is of another month.
    """
    table = read_table(file, columns)
    other = table["date"].to_numpy().astype("datetime64[M]") != np.datetime64(month)
    if wrong := named_row(f"{file}", table, other, ("date",), f"the file is of {month}", 1):
        raise StageError(wrong, _FIX)
    return table


def read_months_before(root: Path, month: str, first: str | None = None) -> pa.Table:
    """Read the features of every month from `first` to the one before `month`."""
    return read_months(root, first, last=month_before(month))


def labels(table: pa.Table, purpose: str) -> Ints:
    """Give the label of every row, shape (n_rows,), for `purpose`, which needs both labels.

    Raises
    ------
    StageError
        All labels are the same.
    """
    found: Ints = table[LABEL].to_numpy().astype(np.int64)
    if len(seen := np.unique(found)) < 2:
        dates = np.sort(table["date"].to_numpy())
        problem = (
            f"data of {dates[0]} to {dates[-1]}: column {LABEL} = {seen[0]} in all"
            f" {len(found)} rows: cannot {purpose}"
        )
        raise StageError([problem], "correct the data, or choose other months in params.yaml")
    return found
