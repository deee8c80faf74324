"""Requests to the server for the flights of the raw tables; tests and benchmarks use them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from flows.params import Features

from .columns import CATEGORIES
from .known_inputs import KNOWN
from .training_inputs import compute_training_inputs


def build_request_table(flights: pa.Table, weather: pa.Table, params: Features) -> pa.Table:
    """Return what a request contains for each flight: codes, local times and known inputs.

    Parameters
    ----------
    flights, weather : Table
        As for `feature_table.build_feature_table`, which returns its rows in the same order.

    Returns
    -------
    Table
        The columns carrier, origin, dest, departure, arrival, and those of `known_inputs.KNOWN`.
    """
    inputs = compute_training_inputs(flights, weather, params)
    arrival = [f"{minute // 60:02}:{minute % 60:02}" for minute in inputs.arrival_min.tolist()]
    return pa.table(
        {
            **{c: inputs.table[c].combine_chunks() for c in CATEGORIES},
            "departure": pa.array(inputs.departure_min.astype("datetime64[m]").astype(str)),
            "arrival": pa.array(arrival),
            **dict(zip(KNOWN, map(pa.array, np.asfortranarray(inputs.known).T), strict=True)),
        }
    )
