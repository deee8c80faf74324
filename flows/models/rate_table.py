"""The baseline: the smoothed share of disrupted flights by carrier, origin and hour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from flows.features.arrays import Floats
from flows.tables.feature_files import labels
from flows.tables.files import read_json, write_json

FILE = "rates.json"

_Share = Annotated[float, Field(ge=0, le=1)]


class RateTable(NamedTuple):
    """`rates` by keys such as `UA EWR 17`; the rate of any other key is `mean`."""

    mean: _Share
    rates: Annotated[dict[str, _Share], Field(min_length=1)]

    @classmethod
    def fit(cls, table: pa.Table, prior_flights: int) -> RateTable:
        """Count flights by key; `prior_flights` flights with the mean rate count in addition."""
        keys = _keys(table).dictionary_encode()
        n = np.bincount(keys.indices, minlength=len(keys.dictionary))
        n_disrupted = np.bincount(keys.indices, labels(table, "fit"), len(keys.dictionary))
        mean = round(float(n_disrupted.sum() / n.sum()), 6)
        rates = np.round((n_disrupted + prior_flights * mean) / (n + prior_flights), 6)
        rate_by_key = zip(keys.dictionary.to_pylist(), rates.tolist(), strict=True)
        return cls(mean, dict(sorted(rate_by_key)))

    @classmethod
    def load(cls, folder: Path) -> RateTable:
        """Load what `save` wrote."""
        return read_json(folder / FILE, cls)

    def save(self, folder: Path) -> None:
        """Write rates.json."""
        write_json(folder / FILE, self._asdict())

    def predict(self, table: pa.Table) -> Floats:
        """Return the rate of each row's key, shape (n_rows,)."""
        keys = _keys(table).dictionary_encode()
        distinct_rates = [self.rates.get(key, self.mean) for key in keys.dictionary.to_pylist()]
        rates: Floats = np.array(distinct_rates, np.float64)[keys.indices]
        return rates


def _keys(table: pa.Table) -> pa.Array:
    hours = pc.floor(pc.divide(table["departure_min"], 60)).cast(pa.int64()).cast(pa.string())
    keys = pc.binary_join_element_wise(table["carrier"], table["origin"], hours, " ")
    return keys.combine_chunks()
