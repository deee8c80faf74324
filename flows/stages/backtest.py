"""backtest: one month predicted by every candidate, each fitted on all earlier months."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from flows.features.columns import OUTCOMES
from flows.models.candidates import fit
from flows.params import Candidate, Models
from flows.tables.feature_files import read_months, read_months_before
from flows.tables.parquet import write_table


def backtest(root: Path, month: str, candidates: Sequence[Candidate], models: Models) -> None:
    """Write data/backtest/{month}.parquet: date, disrupted, operated, a column per candidate."""
    history = read_months_before(root, month)
    flights = read_months(root, month, last=month)
    predictions = {name: fit(name, history, models).predict(flights) for name in candidates}
    table = flights.select(["date", *OUTCOMES])
    for name, column in predictions.items():
        table = table.append_column(name, pa.array(column))
    write_table(root / "data" / "backtest" / f"{month}.parquet", table)
