"""Every column in one place: raw tables, features, and what may never be a feature."""

from __future__ import annotations

from typing import NamedTuple


class Raw(NamedTuple):
    """A column of a raw CSV file: its kind, whether it may be empty, and its range."""

    kind: str  # "int", "float", "text" or "time" (UTC)
    empty: bool = False
    low: float = float("-inf")
    high: float = float("inf")


FLIGHTS = {
    "year": Raw("int", low=1987),
    "month": Raw("int", low=1, high=12),
    "day": Raw("int", low=1, high=31),
    "dep_time": Raw("float", empty=True, low=0, high=2400),
    "sched_dep_time": Raw("int", low=0, high=2400),
    "dep_delay": Raw("float", empty=True, low=-180, high=4320),
    "arr_time": Raw("float", empty=True, low=0, high=2400),
    "sched_arr_time": Raw("int", low=0, high=2400),
    "arr_delay": Raw("float", empty=True, low=-300, high=4320),
    "carrier": Raw("text"),
    "flight": Raw("int", low=0, high=99_999),
    "tailnum": Raw("text", empty=True),
    "origin": Raw("text"),
    "dest": Raw("text"),
    "air_time": Raw("float", empty=True, low=0, high=1440),
    "distance": Raw("int", low=1, high=20_000),
    "hour": Raw("int", low=0, high=24),
    "minute": Raw("int", low=0, high=59),
    "time_hour": Raw("time"),
}

WEATHER = {
    "origin": Raw("text"),
    "year": Raw("int", low=1987),
    "month": Raw("int", low=1, high=12),
    "day": Raw("int", low=1, high=31),
    "hour": Raw("int", low=0, high=23),
    "temp": Raw("float", empty=True, low=-100, high=150),
    "dewp": Raw("float", empty=True, low=-100, high=150),
    "humid": Raw("float", empty=True, low=0, high=101),
    "wind_dir": Raw("float", empty=True, low=0, high=360),
    "wind_speed": Raw("float", empty=True, low=0, high=2000),
    "wind_gust": Raw("float", empty=True, low=0, high=3000),
    "precip": Raw("float", empty=True, low=0, high=20),
    "pressure": Raw("float", empty=True, low=800, high=1100),
    "visib": Raw("float", empty=True, low=0, high=100),
    "time_hour": Raw("time"),
}

AIRLINES = {"carrier": Raw("text"), "name": Raw("text")}
AIRPORTS = {
    "faa": Raw("text"),
    "name": Raw("text"),
    "lat": Raw("float", low=-90, high=90),
    "lon": Raw("float", low=-180, high=180),
    "alt": Raw("int"),
    "tz": Raw("float"),
    "dst": Raw("text"),
    "tzone": Raw("text", empty=True),
}
PLANES = {
    "tailnum": Raw("text"),
    "year": Raw("float", empty=True),
    "type": Raw("text"),
    "manufacturer": Raw("text"),
    "model": Raw("text"),
    "engines": Raw("int", low=1),
    "seats": Raw("int", low=1),
    "speed": Raw("float", empty=True),
    "engine": Raw("text"),
}

FLIGHT_KEY = ("year", "month", "day", "carrier", "flight", "origin")

# Known only after the prediction. `tailnum` looks harmless, but where it is missing the flight was
# cancelled (2,512 of 2,512), so it, and all that is joined through it, tells the outcome.
FORBIDDEN = {
    "dep_time": "the actual departure",
    "dep_delay": "the actual departure",
    "arr_time": "the actual arrival",
    "arr_delay": "the actual arrival, from which the label is made",
    "air_time": "the actual flight",
    "tailnum": "missing only for cancelled flights",
    "disrupted": "the label",
    "late15": "the label of the second view",
    "operated": "whether the flight took place",
    "date": "identifies the day, which trees memorise",
    "month": "identifies the day's surroundings, which trees memorise",
    "day": "identifies the day, which trees memorise",
    "year": "identifies the day's surroundings, which trees memorise",
    "time_hour": "identifies the hour, which trees memorise",
}


class Feature(NamedTuple):
    """A feature: its unit and meaning, as data/README.md shows them."""

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
    "origin_late_3h": Feature("share", "the same over 3 hours"),
    "origin_waiting_3h": Feature(
        "share", "of the origin's flights due in 3 hours that are not gone"
    ),
    "origin_waiting_24h": Feature("share", "the same over 24 hours"),
    "all_delay_24h": Feature("√min", "mean departure delay at the three airports, signed root"),
    "all_late_1h": Feature("share", "of departures at the three airports, >= 15 min late"),
    "all_waiting_3h": Feature("share", "of flights due at the three airports that are not gone"),
    "all_waiting_min_3h": Feature("√min", "mean time that those are overdue, root"),
    "carrier_late_4h": Feature("share", "of the carrier's departures, >= 15 min late"),
    "carrier_waiting_4h": Feature("share", "of the carrier's flights due that are not gone"),
    "carrier_late_24h": Feature("share", "of the carrier's departures, >= 15 min late"),
    "carrier_origin_waiting_6h": Feature("share", "of its flights due at the origin, not gone"),
    "carrier_origin_waiting_min_6h": Feature("√min", "mean time that those are overdue, root"),
    "dest_waiting_6h": Feature("share", "of the flights due to the destination, not gone"),
    "precip": Feature("√in", "rain in the hour of the observation, root"),
    "precip_3h": Feature("√in", "rain in the three hours before it, and in it, root"),
    "wind_dir": Feature("°", "direction of the wind"),
    "wind_speed": Feature("mph", "speed of the wind"),
    "visib": Feature("miles", "visibility"),
    "pressure": Feature("mbar", "pressure at sea level"),
    "dewp": Feature("°F", "dew point"),
    "pressure_change_3h": Feature("mbar", "pressure minus that three hours before"),
    "carrier_rate_14d": Feature("share", "disrupted, the carrier, 14 days to two days ago"),
    "origin_hour_rate": Feature("share", "disrupted, origin and hour, up to two days ago"),
    "dest_rate": Feature("share", "disrupted, the destination, up to two days ago"),
    "dest_rate_14d": Feature("share", "disrupted, the destination, 14 days to two days ago"),
    "flight_rate": Feature("share", "disrupted, carrier and flight number, up to two days ago"),
}

FEATURES = (*CATEGORIES, *NUMBERS)
LABEL = "disrupted"
# In a feature file beside the features: who it is, when, and what came of it.
IDENTITY = ("date", "carrier", "flight", "origin", "departure_utc")
OUTCOMES = (LABEL, "operated")


def forbidden(names: tuple[str, ...] | list[str]) -> list[str]:
    """Say of each of `names` that may not be a feature why; an empty list is good."""
    return [
        f"column {name} may not be a feature: {FORBIDDEN[name]}"
        for name in names
        if name in FORBIDDEN
    ]
