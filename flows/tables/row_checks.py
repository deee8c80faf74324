"""Check rows of a raw table: values that contradict each other, and duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from flows.features.arrays import Bools
from flows.features.arrow_columns import full_hours_s, integers, month_starts

FIRST_ROW = 2  # row 1 of a CSV file is its header
DUPLICATE = "it repeats an earlier row"
# The offset of all three airports. A time zone database would have to exist on every machine.
_NEW_YORK_BEHIND_UTC_H = (4, 5)
_LOCAL_HOUR = ("year", "month", "day", "hour")


def row_problems(name: str, table: pa.Table, key: Sequence[str]) -> list[str]:
    """Return the first row that violates each rule.

    A day exists in its month; the local hour is `time_hour`; the scheduled departure is `hour` and
    `minute`; no row has the `key` of an earlier row. Rules on missing columns are skipped.

    Parameters
    ----------
    name : str
        The file, for the messages.
    """
    columns = set(table.column_names)
    problems = []
    if columns.issuperset((*_LOCAL_HOUR, "time_hour")):
        start, end = (month_starts(table, months_later) for months_later in (0, 1))
        day = integers(table, "day")
        no_such_day = day > end - start
        problems += first_row_problem(
            name, table, no_such_day, _LOCAL_HOUR[:3], "this day does not exist"
        )
        local_h = (start + day - 1) * 24 + integers(table, "hour")
        is_behind = np.isin(full_hours_s(table) // 3600 - local_h, _NEW_YORK_BEHIND_UTC_H)
        problems += first_row_problem(
            name,
            table,
            ~no_such_day & ~is_behind,
            (*_LOCAL_HOUR, "time_hour"),
            "not the same hour in New York",
        )
    if columns.issuperset(clock_columns := ("sched_dep_time", "hour", "minute")):
        clock = integers(table, "hour") * 100 + integers(table, "minute")
        differs = clock != integers(table, "sched_dep_time")
        problems += first_row_problem(
            name, table, differs, clock_columns, "not the same time of day"
        )
    return problems + first_row_problem(name, table, duplicates(table, key), key, DUPLICATE)


def duplicates(table: pa.Table, key: Sequence[str]) -> Bools:
    """Return, for each row, whether an earlier row has its `key`, shape (n_rows,)."""
    rows = table.select(key).append_column("row", pa.array(np.arange(table.num_rows)))
    first_rows = rows.group_by(list(key), use_threads=False).aggregate([("row", "min")])
    is_duplicate = np.ones(table.num_rows, np.bool_)
    is_duplicate[first_rows["row_min"].to_numpy()] = False
    return is_duplicate


def first_row_problem(
    name: str,
    table: pa.Table,
    is_wrong: Bools,
    columns: Sequence[str],
    reason: str,
    first_row: int = FIRST_ROW,
) -> list[str]:
    """Describe the first row that is wrong; return an empty list if no row is.

    Parameters
    ----------
    name : str
        The file, for the message.
    is_wrong : bool array of shape (n_rows,)
    columns : sequence of str
        The columns to show.
    first_row : int
        The number of the first row of values in the file.
    """
    if not is_wrong.any():
        return []
    index = int(is_wrong.argmax())
    row = table.slice(index, 1).to_pylist()[0]
    values = ", ".join(f"{column} = {row[column]}" for column in columns)
    return [f"{name}: row {index + first_row} has {values}: {reason}"]
