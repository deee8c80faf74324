"""featurize: what was known two hours before each departure, as one table of features a month."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import signals
from .asof import Floats, Ints
from .columns import (
    CATEGORIES,
    FEATURES,
    FLIGHT_KEY,
    FLIGHTS,
    NUMBERS,
    WEATHER,
    WEATHER_KEY,
    forbidden,
)
from .errors import StageError
from .files import whole_directory
from .known import KNOWN, feature_numbers
from .params import Features
from .parquet import write_table
from .rows import epoch_s, ints, local_days, named_row
from .signals import Flights, Weather
from .span import month_files
from .tables import read_csv

_FLIGHT_COLUMNS = (
    *("year", "month", "day", "sched_dep_time", "sched_arr_time", "dep_delay", "arr_delay"),
    *("carrier", "flight", "origin", "dest", "distance", "hour", "minute", "time_hour"),
)
_OBSERVED = ("precip", "wind_dir", "wind_speed", "visib", "pressure", "dewp")


def featurize(root: Path, params: Features) -> None:
    """Write data/features/YYYY-MM.parquet from data/raw, sorted by departure, carrier, number.

    Raises
    ------
    StageError
        A month missing between two others, a raw file not as `columns` says, a flight of another
        month than its file's, a forbidden column among the features, an origin without weather.
    """
    if wrong := forbidden(FEATURES):
        raise StageError(wrong, "take it out of flows/stages/columns.py")
    raw = root / "data" / "raw"
    files = month_files(raw / "flights", ".csv")
    flights = pa.concat_tables([_read_month(file, month) for month, file in files.items()])
    weather = raw / "weather.csv"
    observed = read_csv(weather, weather.read_bytes(), WEATHER, WEATHER_KEY)
    table = feature_table(flights, observed, params)
    month_of = pc.strftime(table["date"], format="%Y-%m")
    with whole_directory(root / "data" / "features") as part:
        for month in files:
            write_table(part / f"{month}.parquet", table.filter(pc.equal(month_of, month)))


def feature_table(flights: pa.Table, weather: pa.Table, params: Features) -> pa.Table:
    """Compute the features of every flight.

    Parameters
    ----------
    flights, weather : Table
        With the columns of `columns.FLIGHTS` and `columns.WEATHER`; any order of rows.

    Returns
    -------
    Table
        date, flight, departure_utc; the features (numbers as float32, codes as text); disrupted,
        operated. A row a flight, sorted by departure, carrier, number, origin.
    """
    flights = _in_order(flights)
    known = _flights(flights)
    times = _local_times(flights, known)
    found = feature_numbers(*times, _known(flights, known, _weather(flights, weather), params))
    numbers = dict(zip(NUMBERS, map(pa.array, np.asfortranarray(found).T), strict=True))
    return pa.table(
        {
            "date": pa.array(known.day.astype("datetime64[D]")),
            "flight": flights["flight"],
            "departure_utc": pa.array(known.scheduled * 60_000, pa.timestamp("ms", tz="UTC")),
            **{c: flights[c].combine_chunks() for c in FEATURES if c not in numbers},
            **numbers,
            "disrupted": pa.array(known.disrupted.astype(np.int8)),
            "operated": pc.is_valid(flights["arr_delay"]).cast(pa.int8()),
        }
    ).combine_chunks()


def _read_month(path: Path, month: str) -> pa.Table:
    table = read_csv(path, path.read_bytes(), FLIGHTS, FLIGHT_KEY, _FLIGHT_COLUMNS)
    other = local_days(table) != np.datetime64(month, "D").astype(np.int64)
    if wrong := named_row(f"{path}", table, other, ("year", "month"), f"the file is of {month}"):
        raise StageError(wrong, "dvc checkout, or dvc repro --force ingest")
    return table


def known_table(flights: pa.Table, weather: pa.Table, params: Features) -> pa.Table:
    """Give what the server is asked with: codes, local times as text, and what is known.

    Parameters
    ----------
    flights, weather : Table
        As `feature_table` takes them; the rows come in the same order.

    Returns
    -------
    Table
        The columns carrier, origin, dest, departure, arrival, and those of `known.KNOWN`.
    """
    flights = _in_order(flights)
    f = _flights(flights)
    departure, arrival = _local_times(flights, f)
    numbers = _known(flights, f, _weather(flights, weather), params)
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in arrival.tolist()]
    return pa.table(
        {
            **{c: flights[c].combine_chunks() for c in CATEGORIES},
            "departure": pa.array(departure.astype("datetime64[m]").astype(str)),
            "arrival": pa.array(clock),
            **dict(zip(KNOWN, map(pa.array, np.asfortranarray(numbers).T), strict=True)),
        }
    )


def _local_times(flights: pa.Table, f: Flights) -> tuple[Ints, Ints]:
    """Give departure as minutes since 1970 and arrival as minutes after midnight, both local."""
    leaving, landing = (_minutes(ints(flights, f"sched_{c}_time")) for c in ("dep", "arr"))
    return f.day * (24 * 60) + leaving, landing


def _known(flights: pa.Table, f: Flights, weather: Weather, params: Features) -> Floats:
    """Give what is known of each flight, shape (n_flights, len(KNOWN))."""
    known = f.scheduled - params.lead_min
    everything = np.zeros_like(f.origin)
    at_origin = f.origin * 1024 + f.carrier
    columns: dict[str, Floats] = {
        "distance_mi": ints(flights, "distance").astype(np.float64),
        "traffic_week_ago": signals.traffic_week_ago(f),
    }
    for name, group, hours in (
        ("all", everything, (1, 24)),
        ("origin", f.origin, (1, 3)),
        ("carrier", f.carrier, (4, 24)),
    ):
        found = signals.departures(f, group, known, hours)
        columns |= {f"{name}_{key}": v for key, v in found.items()}
    for name, group, h in (
        ("all", everything, 3),
        ("origin", f.origin, 3),
        ("origin", f.origin, 24),
        ("carrier", f.carrier, 4),
        ("carrier_origin", at_origin, 6),
        ("dest", f.dest, 6),
    ):
        found = signals.waiting(f, group, known, h)
        columns |= {f"{name}_{key}": v for key, v in found.items()}
    columns |= signals.weather_known(f, weather, params)
    columns |= {
        "carrier_rate_14d": signals.rate(f, f.carrier, params, days=14),
        "origin_hour_rate": signals.rate(f, f.origin * 32 + f.hour, params),
        "dest_rate": signals.rate(f, f.dest, params),
        "dest_rate_14d": signals.rate(f, f.dest, params, days=14),
        "flight_rate": signals.rate(f, f.carrier * 100_000 + f.number, params),
    }
    return np.column_stack([columns[name] for name in KNOWN])


def _in_order(flights: pa.Table) -> pa.Table:
    keys = ("time_hour", "minute", "carrier", "flight", "origin")
    return flights.sort_by([(key, "ascending") for key in keys])


def _flights(table: pa.Table) -> Flights:
    scheduled = epoch_s(table) // 60 + ints(table, "minute")
    delay = table["dep_delay"].to_numpy()
    gone = ~np.isnan(delay)
    delay_min = np.where(gone, delay, 0).astype(np.int64)
    departed = np.where(gone, scheduled + delay_min, signals.NEVER)
    arrival = table["arr_delay"].to_numpy()
    return Flights(
        scheduled=scheduled,
        departed=departed,
        delay_min=delay_min,
        disrupted=(np.isnan(arrival) | (arrival >= 15)).astype(np.int64),
        day=local_days(table) + ints(table, "day") - 1,
        hour=ints(table, "hour"),
        number=ints(table, "flight"),
        carrier=_codes(table["carrier"]),
        origin=_codes(table["origin"]),
        dest=_codes(table["dest"]),
    )


def _weather(flights: pa.Table, weather: pa.Table) -> Weather:
    origins = sorted(pc.unique(flights["origin"]).to_pylist())
    seen = set(pc.unique(weather["origin"]).to_pylist())
    if missing := [origin for origin in origins if origin not in seen]:
        problems = [f"data/raw/weather.csv: column origin has no {m}" for m in missing]
        raise StageError(problems, "get the weather of every airport of departure")
    weather = weather.filter(pc.is_in(weather["origin"], pa.array(origins)))
    weather = weather.sort_by([("origin", "ascending"), ("time_hour", "ascending")])
    return Weather(
        origin=_codes(weather["origin"], origins),
        time=epoch_s(weather) // 60,
        values={name: weather[name].to_numpy() for name in _OBSERVED},
    )


def _codes(values: pa.ChunkedArray, order: list[str] | None = None) -> Ints:
    names = pa.array(order if order is not None else sorted(pc.unique(values).to_pylist()))
    codes: Ints = pc.index_in(values, names).to_numpy().astype(np.int64)
    return codes


def _minutes(clock: Ints) -> Ints:
    return clock // 100 * 60 + clock % 100
