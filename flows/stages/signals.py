"""What is known, group by group; each sees only what its flight's prediction time had seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .asof import SPAN, Floats, Ints, Running, ratio, running
from .params import Features

_H = 60
NEVER = SPAN - 1  # the last time that `running` takes
_WEEK = 7 * 24 * _H


class Flights(NamedTuple):
    """Flights in order of departure, as whole numbers; arrays of shape (n_flights,)."""

    scheduled: Ints  # minutes since 1970, UTC
    departed: Ints  # the same; NEVER where it did not depart
    delay_min: Ints  # 0 where it did not depart
    disrupted: Ints  # 0 or 1
    day: Ints  # local day of departure, days since 1970
    hour: Ints  # local hour of departure
    number: Ints
    carrier: Ints  # code numbers from 0
    origin: Ints
    dest: Ints


class Weather(NamedTuple):
    """Observations sorted by origin and time; arrays of shape (n_observations,)."""

    origin: Ints
    time: Ints  # minutes since 1970, UTC
    values: dict[str, Floats]


Columns = dict[str, Floats]


def departures(flights: Flights, group: Ints, known: Ints, hours: tuple[int, ...]) -> Columns:
    """Look at the group's flights that have departed by `known`, in the last `hours`.

    One that left early counts from its scheduled time on, so that no row of a flight that is
    scheduled after `known` is read at all.

    Returns
    -------
    dict
        `late_{h}h`: share >= 15 min late; `delay_{h}h`: mean delay in minutes, each delay counted
        as at most 3 h and at least -15 min.
    """
    gone = flights.departed < NEVER
    delay = flights.delay_min[gone]
    late = (delay >= 15).astype(np.int64)
    at = np.maximum(flights.departed, flights.scheduled)[gone]
    events = running(group[gone], at, np.clip(delay, -15, 180), late)
    columns = {}
    for h in hours:
        n, minutes, n_late = events.between(group, known - h * _H, known)
        columns[f"late_{h}h"] = ratio(n_late, n)
        columns[f"delay_{h}h"] = ratio(minutes, n)
    return columns


def waiting(flights: Flights, group: Ints, known: Ints, hours: int) -> Columns:
    """Look at the group's flights due in the last `hours` that had not departed by `known`.

    A flight waits from its scheduled time until it departs, or until `hours` have passed, so a
    cancelled one, which is not known as such, counts as waiting. Two running counts suffice: of
    flights that began to wait and of flights that ceased to.

    Returns
    -------
    dict
        `waiting_{h}h`: share of the flights due; `waiting_min_{h}h`: mean minutes that the waiting
        ones are overdue, 0 if none waits.
    """
    ends = np.minimum(flights.departed, flights.scheduled + hours * _H)
    waits = ends > flights.scheduled
    since = flights.scheduled[waits]
    begun = running(group[waits], since, since)
    ceased = running(group[waits], ends[waits], since)
    nothing = np.zeros_like(known)
    n, sum_since = (
        b - c
        for b, c in zip(
            begun.between(group, nothing, known), ceased.between(group, nothing, known), strict=True
        )
    )
    (due,) = running(group, flights.scheduled).between(group, known - hours * _H, known)
    minutes = np.nan_to_num(ratio(n * known - sum_since, n))
    return {f"waiting_{hours}h": ratio(n, due), f"waiting_min_{hours}h": minutes}


def rate(flights: Flights, group: Ints, params: Features, days: int | None = None) -> Floats:
    """Give the share of the group's flights that were disrupted, up to `history_lag_d` days ago.

    Pulled towards the share among all flights by `prior_flights`; over the last `days` if given.
    """
    last = flights.day - params.history_lag_d
    first = np.zeros_like(last) if days is None else last - days
    by_group = running(group, flights.day, flights.disrupted)
    n, bad = by_group.between(group, first, last)
    everything = np.zeros_like(group)
    n_all, bad_all = running(everything, flights.day, flights.disrupted).between(
        everything, np.zeros_like(last), last
    )
    mean = ratio(bad_all, n_all)
    return (bad + params.prior_flights * mean) / (n + params.prior_flights)


def weather_known(flights: Flights, weather: Weather, params: Features) -> Columns:
    """Give the last observation at least `weather_lag_h` hours before the hour of departure.

    NaN where that observation is more than six hours older still, and what is over three hours
    where there is none just three hours before it. An hour without a figure for rain had none.
    """
    observed: Running = running(weather.origin, weather.time)

    def last(time: Ints) -> tuple[Ints, Ints]:
        """Give the index of the origin's last observation up to `time`, and how old it is then."""
        (count,) = observed.until(flights.origin, time)
        index = np.maximum(count - 1, 0)
        there = (weather.origin[index] == flights.origin) & (weather.time[index] <= time)
        return index, np.where(there, time - weather.time[index], NEVER)

    now, age = last(flights.scheduled - flights.scheduled % _H - params.weather_lag_h * _H)
    fresh = age <= 6 * _H
    before, apart = last(weather.time[now] - 3 * _H)
    both = fresh & (apart == 0)
    columns = {name: np.where(fresh, v[now], np.nan) for name, v in weather.values.items()}
    pressure = weather.values["pressure"]
    columns["pressure_3h_before"] = np.where(both, pressure[before], np.nan)
    rain = np.rint(np.nan_to_num(weather.values["precip"]) * 10_000).astype(np.int64)
    total = np.cumsum(rain)
    columns["precip_3h"] = np.where(both, (total[now] - total[before]) / 10_000, np.nan)
    return columns


def traffic_week_ago(flights: Flights) -> Floats:
    """Count the origin's flights scheduled in the same hour a week ago; NaN in the first week."""
    start = flights.scheduled - flights.scheduled % _H - _WEEK
    (n,) = running(flights.origin, flights.scheduled).between(flights.origin, start - 1, start + 59)
    return np.where(start >= flights.scheduled.min(), n, np.nan)
