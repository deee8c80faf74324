"""Rows of a raw table whose values do not fit each other, and rows that are there twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .asof import Ints

FIRST_ROW = 2  # row 1 of a CSV file is its header
AGAIN = "an earlier row is the same"
# The zone of all three airports. Asking a time zone database would ask for one on every machine.
_NEW_YORK_BEHIND_UTC_H = (4, 5)
_HOUR = ("year", "month", "day", "hour")


def wrong_rows(name: str, table: pa.Table, key: Sequence[str]) -> list[str]:
    """Name the first row of each kind that is wrong.

    Looked for are days that their month does not have, local hours that are not `time_hour`,
    scheduled departures that are not `hour` and `minute`, and rows whose `key` an earlier row has.
    """
    found = set(table.column_names)
    problems = []
    if found.issuperset((*_HOUR, "time_hour")):
        start, end = (local_days(table, after) for after in (0, 1))
        day = ints(table, "day")
        none = day > end - start
        problems += named_row(name, table, none, _HOUR[:3], "there is no such day")
        behind_h = epoch_s(table) // 3600 - (start + day - 1) * 24 - ints(table, "hour")
        wrong = ~none & ~np.isin(behind_h, _NEW_YORK_BEHIND_UTC_H)
        problems += named_row(name, table, wrong, (*_HOUR, "time_hour"), "not one hour, New York's")
    if found.issuperset(("sched_dep_time", "hour", "minute")):
        clock = ints(table, "hour") * 100 + ints(table, "minute")
        shown = ("sched_dep_time", "hour", "minute")
        wrong = clock != ints(table, "sched_dep_time")
        problems += named_row(name, table, wrong, shown, "not one time of day")
    return problems + named_row(name, table, repeated(table, key), key, AGAIN)


def ints(table: pa.Table, column: str) -> Ints:
    """Give a column of whole numbers, none of them empty, shape (n_rows,)."""
    values: Ints = table[column].to_numpy().astype(np.int64, copy=False)
    return values


def epoch_s(table: pa.Table) -> Ints:
    """Give `time_hour` as seconds since 1970, UTC, shape (n_rows,)."""
    seconds: Ints = table["time_hour"].cast(pa.int64()).to_numpy()
    return seconds


def local_days(table: pa.Table, months_after: int = 0) -> Ints:
    """Give the first day of each row's `month`, or of one after it, as days since 1970."""
    months = (ints(table, "year") - 1970) * 12 + ints(table, "month") - 1 + months_after
    days: Ints = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return days


def repeated(table: pa.Table, key: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Tell of each row whether an earlier one has its `key`, shape (n_rows,)."""
    numbered = table.select(key).append_column("row", pa.array(np.arange(table.num_rows)))
    first = numbered.group_by(list(key), use_threads=False).aggregate([("row", "min")])
    again = np.ones(table.num_rows, np.bool_)
    again[first["row_min"].to_numpy()] = False
    return again


def named_row(
    name: str,
    table: pa.Table,
    wrong: npt.NDArray[np.bool_],
    shown: Sequence[str],
    why: str,
    first_row: int = FIRST_ROW,
) -> list[str]:
    """Name the first row that is `wrong` with its columns `shown`; an empty list if none is.

    Parameters
    ----------
    wrong : bool array of shape (n_rows,)
    first_row : int
        The number that the file `name` gives its first row of values.
    """
    if not wrong.any():
        return []
    at = int(wrong.argmax())
    row = table.slice(at, 1).to_pylist()[0]
    values = ", ".join(f"{column} = {row[column]}" for column in shown)
    return [f"{name}: row {at + first_row} holds {values}: {why}"]
