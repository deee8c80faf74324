"""backtest: one month predicted by every candidate, each fitted on all the months before it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from .columns import OUTCOMES
from .models import fit
from .months import read_months, read_months_before
from .params import Candidate, Models
from .parquet import write_table


def backtest(root: Path, month: str, candidates: Sequence[Candidate], models: Models) -> None:
    """Write data/backtest/{month}.parquet: date, disrupted, operated, and a column a candidate."""
    before = read_months_before(root, month)
    flights = read_months(root, month, last=month)
    predicted = {name: fit(name, before, models).predict(flights) for name in candidates}
    table = flights.select(["date", *OUTCOMES])
    for name, column in predicted.items():
        table = table.append_column(name, pa.array(column))
    write_table(root / "data" / "backtest" / f"{month}.parquet", table)
