"""Feature files read back: whole months, split in time and in no other way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from .asof import Ints
from .columns import FEATURE_FILE, LABEL
from .errors import StageError
from .parquet import read_table
from .span import month_before, month_files


def read_months(root: Path, first: str | None = None, *, last: str) -> pa.Table:
    """Read the features of every month from `first` to `last`, written YYYY-MM, both with it.

    Parameters
    ----------
    first : str, optional
        Without it, the first month that there is.

    Raises
    ------
    StageError
        A month of the span is missing, or a file of it is not as `columns.FEATURE_FILE` says.
    """
    files = month_files(root / "data" / "features", ".parquet", first, last)
    return pa.concat_tables([read_table(f, FEATURE_FILE) for f in files.values()]).combine_chunks()


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
