"""Read the files of data/features and data/backtest; data is split by whole months only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from flows.errors import StageError
from flows.features.arrays import Ints
from flows.features.columns import FEATURE_COLUMNS, LABEL, Column

from .months import month_before, month_files
from .parquet import read_table
from .row_checks import DUPLICATE, duplicates, first_row_problem

_FIX = "run `dvc checkout`, or run the stage that writes the file again"
_FLIGHT_KEY = ("departure_utc", "carrier", "flight", "origin")


def read_months(root: Path, first: str | None = None, *, last: str) -> pa.Table:
    """Read the features of every month from `first` to `last`, both YYYY-MM, inclusive.

    Parameters
    ----------
    first : str, optional
        By default the first month in data/features.

    Raises
    ------
    StageError
        A month of the span is missing, or a file does not conform to `columns.FEATURE_COLUMNS`,
        has a row of another month, or contains a flight twice.
    """
    files = month_files(root / "data" / "features", ".parquet", first, last)
    tables = []
    for month, file in files.items():
        table = read_month(file, month, FEATURE_COLUMNS)
        is_duplicate = duplicates(table, _FLIGHT_KEY)
        if problems := first_row_problem(
            f"{file}", table, is_duplicate, _FLIGHT_KEY, DUPLICATE, first_row=1
        ):
            raise StageError(problems, _FIX)
        tables.append(table)
    return pa.concat_tables(tables).combine_chunks()


def read_month(file: Path, month: str, columns: Mapping[str, Column]) -> pa.Table:
    """Read `columns`, which include `date`, of a file whose rows are all of `month`.

    Raises
    ------
    StageError
        The file does not conform to `columns`, or a row is of another month.
    """
    table = read_table(file, columns)
    is_other = table["date"].to_numpy().astype("datetime64[M]") != np.datetime64(month)
    if problems := first_row_problem(
        f"{file}", table, is_other, ("date",), f"the file is for {month}", first_row=1
    ):
        raise StageError(problems, _FIX)
    return table


def read_months_before(root: Path, month: str, first: str | None = None) -> pa.Table:
    """Read the features of every month from `first` to the one before `month`."""
    return read_months(root, first, last=month_before(month))


def labels(table: pa.Table, purpose: str) -> Ints:
    """Return the label of every row, shape (n_rows,); both labels occur.

    Parameters
    ----------
    purpose : str
        A verb for the message: what needs both labels.

    Raises
    ------
    StageError
        All labels are equal.
    """
    values: Ints = table[LABEL].to_numpy().astype(np.int64)
    if len(distinct := np.unique(values)) < 2:
        dates = np.sort(table["date"].to_numpy())
        problem = (
            f"data of {dates[0]} to {dates[-1]}: column {LABEL} = {distinct[0]} in all"
            f" {len(values)} rows: cannot {purpose}"
        )
        raise StageError([problem], "correct the data, or choose other months in params.yaml")
    return values
