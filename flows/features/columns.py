"""The columns of the raw tables, the features, and the columns that must not be features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Column(NamedTuple):
    """A column of a file: its kind, whether it may be empty, and its range.

    Kinds: "text"; "date"; "time" and "time_ms" (parquet has no type for seconds), both in UTC; the
    numbers "int", "flag" (8 bits), "float" and "float32"; "whole" and "clock" (time of day, hhmm),
    which are integers stored as floats because they may be empty. NaN counts as empty; infinity is
    never allowed.
    """

    kind: str
    empty: bool = False
    low: float = float("-inf")
    high: float = float("inf")


FLIGHTS = {
    "year": Column("int", low=1987, high=2096),
    "month": Column("int", low=1, high=12),
    "day": Column("int", low=1, high=31),
    "dep_time": Column("clock", empty=True, low=0, high=2400),
    "sched_dep_time": Column("clock", low=0, high=2359),
    "dep_delay": Column("whole", empty=True, low=-180, high=4320),
    "arr_time": Column("clock", empty=True, low=0, high=2400),
    "sched_arr_time": Column("clock", low=0, high=2359),
    "arr_delay": Column("whole", empty=True, low=-300, high=4320),
    "carrier": Column("text"),
    "flight": Column("int", low=0, high=99_999),
    "tailnum": Column("text", empty=True),
    "origin": Column("text"),
    "dest": Column("text"),
    "air_time": Column("whole", empty=True, low=0, high=1440),
    "distance": Column("int", low=1, high=20_000),
    "hour": Column("int", low=0, high=23),
    "minute": Column("int", low=0, high=59),
    "time_hour": Column("time"),
}

WEATHER = {
    "origin": Column("text"),
    "year": Column("int", low=1987, high=2096),
    "month": Column("int", low=1, high=12),
    "day": Column("int", low=1, high=31),
    "hour": Column("int", low=0, high=23),
    "temp": Column("float", empty=True, low=-100, high=150),
    "dewp": Column("float", empty=True, low=-100, high=150),
    "humid": Column("float", empty=True, low=0, high=101),
    "wind_dir": Column("float", empty=True, low=0, high=360),
    "wind_speed": Column("float", empty=True, low=0, high=2000),
    "wind_gust": Column("float", empty=True, low=0, high=3000),
    "precip": Column("float", empty=True, low=0, high=20),
    "pressure": Column("float", empty=True, low=800, high=1100),
    "visib": Column("float", empty=True, low=0, high=100),
    "time_hour": Column("time"),
}

AIRLINES = {"carrier": Column("text"), "name": Column("text")}
AIRPORTS = {
    "faa": Column("text"),
    "name": Column("text"),
    "lat": Column("float", low=-90, high=90),
    "lon": Column("float", low=-180, high=180),
    "alt": Column("int"),
    "tz": Column("float"),
    "dst": Column("text"),
    "tzone": Column("text", empty=True),
}
PLANES = {
    "tailnum": Column("text"),
    "year": Column("float", empty=True),
    "type": Column("text"),
    "manufacturer": Column("text"),
    "model": Column("text"),
    "engines": Column("int", low=1),
    "seats": Column("int", low=1),
    "speed": Column("float", empty=True),
    "engine": Column("text"),
}

FLIGHT_KEY = ("year", "month", "day", "carrier", "flight", "origin")
WEATHER_KEY = ("origin", "time_hour")

# Known only after the prediction. `tailnum` looks harmless, but flights without it were always
# cancelled (2,512 of 2,512). So it, and any column joined through it, reveals the outcome.
FORBIDDEN = {
    "dep_time": "the actual departure",
    "dep_delay": "the actual departure",
    "arr_time": "the actual arrival",
    "arr_delay": "the actual arrival, from which the label is made",
    "air_time": "the actual flight",
    "tailnum": "missing only for cancelled flights",
    "disrupted": "the label",
    "operated": "whether the flight arrived at its destination",
    "date": "identifies the day, which trees memorise",
    "month": "identifies the day's surroundings, which trees memorise",
    "day": "identifies the day, which trees memorise",
    "year": "identifies the day's surroundings, which trees memorise",
    "time_hour": "identifies the hour, which trees memorise",
    "departure_utc": "identifies the hour, which trees memorise",
}


class Feature(NamedTuple):
    """A feature: its unit and meaning, which data/README.md repeats."""

    unit: str
    meaning: str


CATEGORIES = {
    "carrier": Feature("code", "airline"),
    "origin": Feature("code", "airport of departure"),
    "dest": Feature("code", "airport of arrival"),
}

NUMBERS = {
    "departure_min": Feature("min", "scheduled departure, local, minutes after midnight"),
    "weekday": Feature("0-6", "day of the week of departure, Monday is 0"),
    "block_min": Feature("min", "scheduled arrival minus departure, both local, modulo a day"),
    "distance_mi": Feature("miles", "between the airports"),
    "traffic_week_ago": Feature("flights", "scheduled from the origin in the same hour a week ago"),
    "origin_late_1h": Feature(
        "share", "of the origin's departures in the last hour, >= 15 min late"
    ),
    "origin_late_3h": Feature(
        "share", "of the origin's departures in the last 3 hours, >= 15 min late"
    ),
    "origin_waiting_3h": Feature(
        "share", "of the origin's flights due in the last 3 hours, not gone"
    ),
    "origin_waiting_24h": Feature(
        "share", "of the origin's flights due in the last 24 hours, not gone"
    ),
    "all_delay_24h": Feature(
        "√min", "mean departure delay at the three airports in the last 24 hours, signed root"
    ),
    "all_late_1h": Feature(
        "share", "of departures at the three airports in the last hour, >= 15 min late"
    ),
    "all_waiting_3h": Feature(
        "share", "of flights due at the three airports in the last 3 hours, not gone"
    ),
    "all_waiting_min_3h": Feature("√min", "mean time since those of all_waiting_3h were due, root"),
    "carrier_late_4h": Feature(
        "share", "of the carrier's departures in the last 4 hours, >= 15 min late"
    ),
    "carrier_waiting_4h": Feature(
        "share", "of the carrier's flights due in the last 4 hours, not gone"
    ),
    "carrier_late_24h": Feature(
        "share", "of the carrier's departures in the last 24 hours, >= 15 min late"
    ),
    "carrier_origin_waiting_6h": Feature(
        "share", "of the carrier's flights due at the origin in the last 6 hours, not gone"
    ),
    "carrier_origin_waiting_min_6h": Feature(
        "√min", "mean time since those of carrier_origin_waiting_6h were due, root"
    ),
    "dest_waiting_6h": Feature(
        "share", "of the flights to the destination due in the last 6 hours, not gone"
    ),
    "precip": Feature("√in", "rain in the hour of the observation, root"),
    "precip_3h": Feature("√in", "rain in that hour and the two before it, root"),
    "wind_dir": Feature("°", "direction of the wind"),
    "wind_speed": Feature("mph", "speed of the wind"),
    "visib": Feature("miles", "visibility"),
    "pressure": Feature("mbar", "pressure at sea level"),
    "dewp": Feature("°F", "dew point"),
    "pressure_change_3h": Feature("mbar", "pressure minus that three hours before"),
    "carrier_rate_14d": Feature("share", "disrupted, the carrier, 14 days that end two days ago"),
    "origin_hour_rate": Feature("share", "disrupted, origin and hour, up to two days ago"),
    "dest_rate": Feature("share", "disrupted, the destination, up to two days ago"),
    "dest_rate_14d": Feature("share", "disrupted, the destination, 14 days that end two days ago"),
    "flight_rate": Feature("share", "disrupted, carrier and flight number, up to two days ago"),
}

# The range of the numbers of each unit, in files and in requests.
RANGES: dict[str, tuple[float, float]] = {
    "0-6": (0, 6),
    "flights": (0, 10_000),
    "mbar": (800, 1100),
    "miles": (0, 20_000),
    "min": (0, 1439),
    "mph": (0, 2000),
    "share": (0, 1),
    "°": (0, 360),
    "°F": (-100, 150),
    "√in": (0, 9),
    "√min": (-66, 66),
}

FEATURES = (*CATEGORIES, *NUMBERS)
LABEL = "disrupted"
OUTCOMES = (LABEL, "operated")
_NEVER_EMPTY = ("departure_min", "weekday", "block_min", "distance_mi")


def _number_column(name: str, unit: str) -> Column:
    low, high = (-300, 300) if name == "pressure_change_3h" else RANGES[unit]
    return Column("float32", empty=name not in _NEVER_EMPTY, low=low, high=high)


# The columns of a file of data/features, in order: the flight, its features, its outcome.
FEATURE_COLUMNS = {
    "date": Column("date"),
    "flight": Column("int", low=0, high=99_999),
    "departure_utc": Column("time_ms"),
    **{name: Column("text") for name in CATEGORIES},
    **{name: _number_column(name, feature.unit) for name, feature in NUMBERS.items()},
    **{name: Column("flag", low=0, high=1) for name in OUTCOMES},
}


def backtest_columns(candidates: Sequence[str]) -> dict[str, Column]:
    """Return the columns of a file of data/backtest: outcomes, and a prediction per candidate."""
    outcomes = {name: FEATURE_COLUMNS[name] for name in ("date", *OUTCOMES)}
    return outcomes | {name: Column("float", low=0, high=1) for name in candidates}


def forbidden_features(names: Sequence[str]) -> list[str]:
    """Return a problem for each of `names` that must not be a feature, with the reason."""
    return [
        f"column {name} must not be a feature: {FORBIDDEN[name]}"
        for name in names
        if name in FORBIDDEN
    ]
