"""The known inputs of all flights of the raw tables, computed from the signals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from flows.params import Features

from . import signals
from .arrays import Floats, Ints
from .arrow_columns import integers
from .flights import Flights, Weather, read_flights, read_local_times, read_weather, sort_flights
from .known_inputs import KNOWN


class TrainingInputs(NamedTuple):
    """What a request would contain for each flight, in the order of `table`."""

    table: pa.Table  # the raw flights, sorted
    flights: Flights
    departure_min: Ints  # scheduled, minutes since 1970-01-01 00:00 local
    arrival_min: Ints  # scheduled, minutes after midnight, local
    known: Floats  # shape (n_flights, len(KNOWN))


def compute_training_inputs(table: pa.Table, weather: pa.Table, params: Features) -> TrainingInputs:
    """Sort the flights and compute their known inputs.

    Parameters
    ----------
    table, weather : Table
        With the columns of `columns.FLIGHTS` and `columns.WEATHER`; any order of rows.
    """
    table = sort_flights(table)
    flights = read_flights(table)
    distance_mi = integers(table, "distance").astype(np.float64)
    known = _known_inputs(flights, distance_mi, read_weather(weather, table), params)
    return TrainingInputs(table, flights, *read_local_times(table, flights), known)


def _known_inputs(
    flights: Flights, distance_mi: Floats, weather: Weather, params: Features
) -> Floats:
    prediction_min = flights.scheduled_min - params.lead_min
    one_group = np.zeros_like(flights.origin)
    columns: dict[str, Floats] = {
        "distance_mi": distance_mi,
        "traffic_week_ago": signals.traffic_week_ago(flights),
    }
    for prefix, group, hours in (
        ("all", one_group, (1, 24)),
        ("origin", flights.origin, (1, 3)),
        ("carrier", flights.carrier, (4, 24)),
    ):
        group_columns = signals.departures(flights, group, prediction_min, hours)
        columns |= {f"{prefix}_{name}": values for name, values in group_columns.items()}
    for prefix, group, h in (
        ("all", one_group, 3),
        ("origin", flights.origin, 3),
        ("origin", flights.origin, 24),
        ("carrier", flights.carrier, 4),
        ("carrier_origin", flights.origin * 1024 + flights.carrier, 6),
        ("dest", flights.dest, 6),
    ):
        group_columns = signals.waiting(flights, group, prediction_min, h)
        columns |= {f"{prefix}_{name}": values for name, values in group_columns.items()}
    columns |= signals.weather_at_prediction(flights, weather, params)
    origin_hour = flights.origin * 32 + flights.hour
    carrier_number = flights.carrier * 100_000 + flights.number
    columns |= {
        "carrier_rate_14d": signals.disruption_rate(flights, flights.carrier, params, days=14),
        "origin_hour_rate": signals.disruption_rate(flights, origin_hour, params),
        "dest_rate": signals.disruption_rate(flights, flights.dest, params),
        "dest_rate_14d": signals.disruption_rate(flights, flights.dest, params, days=14),
        "flight_rate": signals.disruption_rate(flights, carrier_number, params),
    }
    return np.column_stack([columns[name] for name in KNOWN])
