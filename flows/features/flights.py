"""The raw tables of flights and weather as arrays of integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.errors import StageError

from .arrays import Floats, Ints
from .arrow_columns import full_hours_s, integers, month_starts
from .asof_sums import TIME_LIMIT

NEVER = TIME_LIMIT - 1  # the departure time of a flight that does not depart
_MEASUREMENTS = ("precip", "wind_dir", "wind_speed", "visib", "pressure", "dewp")


class Flights(NamedTuple):
    """Flights sorted by scheduled departure; arrays of shape (n_flights,)."""

    scheduled_min: Ints  # scheduled departure, minutes since 1970, UTC
    departed_min: Ints  # actual departure, minutes since 1970, UTC, or NEVER
    delay_min: Ints  # delay of the departure, minutes; 0 if the flight did not depart
    disrupted: Ints  # the label, 0 or 1
    day: Ints  # local day of departure, days since 1970
    hour: Ints  # local hour of departure, 0 to 23
    number: Ints  # flight number
    carrier: Ints  # index into the sorted codes, from 0
    origin: Ints  # index into the sorted codes, from 0
    dest: Ints  # index into the sorted codes, from 0


class Weather(NamedTuple):
    """Observations sorted by origin and time; arrays of shape (n_observations,)."""

    origin: Ints  # index as in Flights
    time_min: Ints  # minutes since 1970, UTC
    measurements: dict[str, Floats]  # in the units of the raw table


def sort_flights(table: pa.Table) -> pa.Table:
    """Sort by scheduled departure, carrier, flight number and origin."""
    keys = ("time_hour", "minute", "carrier", "flight", "origin")
    return table.sort_by([(key, "ascending") for key in keys])


def read_flights(table: pa.Table) -> Flights:
    """Convert a table with the columns of `columns.FLIGHTS` to arrays, in the order of its rows."""
    scheduled_min = full_hours_s(table) // 60 + integers(table, "minute")
    delay = table["dep_delay"].to_numpy()
    has_departed = ~np.isnan(delay)
    delay_min = np.where(has_departed, delay, 0).astype(np.int64)
    departed_min = np.where(has_departed, scheduled_min + delay_min, NEVER)
    arrival_delay = table["arr_delay"].to_numpy()
    return Flights(
        scheduled_min=scheduled_min,
        departed_min=departed_min,
        delay_min=delay_min,
        disrupted=(np.isnan(arrival_delay) | (arrival_delay >= 15)).astype(np.int64),
        day=month_starts(table) + integers(table, "day") - 1,
        hour=integers(table, "hour"),
        number=integers(table, "flight"),
        carrier=_code_indices(table["carrier"]),
        origin=_code_indices(table["origin"]),
        dest=_code_indices(table["dest"]),
    )


def read_weather(table: pa.Table, flights: pa.Table) -> Weather:
    """Convert a table with the columns of `columns.WEATHER` to arrays, sorted.

    Observations at airports that are not an origin in `flights` are left out.

    Raises
    ------
    StageError
        An origin in `flights` has no observation.
    """
    origins = sorted(pc.unique(flights["origin"]).to_pylist())
    observed_origins = set(pc.unique(table["origin"]).to_pylist())
    if missing := [origin for origin in origins if origin not in observed_origins]:
        problems = [f"data/raw/weather.csv: column origin does not contain {m}" for m in missing]
        raise StageError(problems, "add the weather of every airport of departure")
    table = table.filter(pc.is_in(table["origin"], pa.array(origins)))
    table = table.sort_by([("origin", "ascending"), ("time_hour", "ascending")])
    return Weather(
        origin=_code_indices(table["origin"], origins),
        time_min=full_hours_s(table) // 60,
        measurements={name: table[name].to_numpy() for name in _MEASUREMENTS},
    )


def read_local_times(table: pa.Table, flights: Flights) -> tuple[Ints, Ints]:
    """Return the scheduled times, both local.

    Returns
    -------
    departure_min : array of shape (n_flights,)
        Minutes since 1970-01-01 00:00 local.
    arrival_min : array of shape (n_flights,)
        Minutes after midnight.
    """
    departure_min, arrival_min = (
        _clock_min(integers(table, f"sched_{end}_time")) for end in ("dep", "arr")
    )
    return flights.day * (24 * 60) + departure_min, arrival_min


def _code_indices(values: pa.ChunkedArray, codes: list[str] | None = None) -> Ints:
    codes = sorted(pc.unique(values).to_pylist()) if codes is None else codes
    indices: Ints = pc.index_in(values, pa.array(codes)).to_numpy().astype(np.int64)
    return indices


def _clock_min(clock: Ints) -> Ints:
    """Convert times of day, written hhmm, to minutes after midnight."""
    return clock // 100 * 60 + clock % 100
