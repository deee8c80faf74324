"""The table of features, from the raw tables of flights and weather."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.params import Features

from .columns import FEATURES, NUMBERS
from .known_inputs import feature_numbers
from .training_inputs import compute_training_inputs


def build_feature_table(flights: pa.Table, weather: pa.Table, params: Features) -> pa.Table:
    """Compute the features of every flight.

    Parameters
    ----------
    flights, weather : Table
        With the columns of `columns.FLIGHTS` and `columns.WEATHER`; any order of rows.

    Returns
    -------
    Table
        One row per flight, with the columns of `columns.FEATURE_COLUMNS`, sorted by scheduled
        departure, carrier, flight number and origin.
    """
    inputs = compute_training_inputs(flights, weather, params)
    numbers = feature_numbers(inputs.departure_min, inputs.arrival_min, inputs.known)
    number_columns = dict(zip(NUMBERS, map(pa.array, np.asfortranarray(numbers).T), strict=True))
    departure_ms = inputs.flights.scheduled_min * 60_000
    return pa.table(
        {
            "date": pa.array(inputs.flights.day.astype("datetime64[D]")),
            "flight": inputs.table["flight"],
            "departure_utc": pa.array(departure_ms, pa.timestamp("ms", tz="UTC")),
            **{c: inputs.table[c].combine_chunks() for c in FEATURES if c not in number_columns},
            **number_columns,
            "disrupted": pa.array(inputs.flights.disrupted.astype(np.int8)),
            "operated": pc.is_valid(inputs.table["arr_delay"]).cast(pa.int8()),
        }
    ).combine_chunks()
