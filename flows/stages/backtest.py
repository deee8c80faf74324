"""backtest: one month predicted by every candidate, each fitted on all the months before it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from .columns import OUTCOMES
from .files import write_table
from .models import fit
from .months import read_months
from .params import Candidate, Models


def backtest(root: Path, month: str, candidates: Sequence[Candidate], models: Models) -> None:
    """Write data/backtest/{month}.parquet: date, disrupted, operated, and a column a candidate."""
    before = read_months("backtest", root, None, month)
    flights = read_months("backtest", root, month, None, last=month)
    predicted = {name: fit(name, before, models).predict(flights) for name in candidates}
    table = flights.select(["date", *OUTCOMES])
    for name, column in predicted.items():
        table = table.append_column(name, pa.array(column))
    write_table(root / "data" / "backtest" / f"{month}.parquet", table)
