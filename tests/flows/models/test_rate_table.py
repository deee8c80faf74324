"""The rate table: counts by key, smoothed."""

from typing import Any

import pyarrow as pa

from flows.models.rate_table import RateTable


def flights(*rows: tuple[str, str, int, int]) -> pa.Table:
    """Return a table from (carrier, origin, hour, disrupted), as the rate table reads it."""
    carrier, origin, hour, disrupted = zip(*rows, strict=True)
    minutes = pa.array([60.0 * h + 59 for h in hour], pa.float32())
    columns: dict[str, Any] = {"carrier": carrier, "origin": origin, "departure_min": minutes}
    dates = pa.array([0] * len(rows), pa.date32())
    return pa.table(columns | {"disrupted": pa.array(disrupted, pa.int8()), "date": dates})


def test_the_rate_table_counts_by_carrier_origin_and_hour_and_pulls_few_flights_to_the_mean() -> (
    None
):
    table = RateTable.fit(
        flights(
            ("UA", "EWR", 17, 1), ("UA", "EWR", 17, 1), ("UA", "JFK", 17, 0), ("DL", "JFK", 9, 0)
        ),
        prior_flights=2,
    )
    assert table.mean == 0.5
    assert table.rates == {"DL JFK 9": 0.333333, "UA EWR 17": 0.75, "UA JFK 17": 0.333333}
    asked = flights(("UA", "EWR", 17, 0), ("UA", "EWR", 18, 0))
    assert table.predict(asked).tolist() == [0.75, 0.5]
