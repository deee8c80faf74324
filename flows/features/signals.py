"""Signals, by group of flights; each uses only events up to its flight's prediction time.

Arguments named `group` are int64 arrays of shape (n_flights,): the number, from 0, of the group of
each flight, for example its origin.
"""

from __future__ import annotations

import numpy as np

from flows.params import Features

from .arrays import Floats, Ints
from .asof_sums import AsOfSums, divide, sum_events
from .flights import NEVER, Flights, Weather

_HOUR_MIN = 60
_WEEK_MIN = 7 * 24 * _HOUR_MIN

Columns = dict[str, Floats]  # arrays of shape (n_flights,) by name


def departures(
    flights: Flights, group: Ints, prediction_min: Ints, hours: tuple[int, ...]
) -> Columns:
    """Summarize the group's departures in the last `hours` before the prediction time.

    A flight that left early counts from its scheduled time on. So a flight that is scheduled after
    the prediction time is never read.

    Parameters
    ----------
    prediction_min : array of shape (n_flights,)
        Minutes since 1970, UTC.

    Returns
    -------
    dict
        `late_{h}h`: share that left >= 15 min late; `delay_{h}h`: mean delay in minutes, with each
        delay clipped to -15 min and 3 h.
    """
    has_departed = flights.departed_min < NEVER
    delay_min = flights.delay_min[has_departed]
    is_late = (delay_min >= 15).astype(np.int64)
    time_min = np.maximum(flights.departed_min, flights.scheduled_min)[has_departed]
    events = sum_events(group[has_departed], time_min, np.clip(delay_min, -15, 180), is_late)
    columns = {}
    for h in hours:
        start_min = prediction_min - h * _HOUR_MIN
        n, sum_min, n_late = events.between(group, start_min, prediction_min)
        columns[f"late_{h}h"] = divide(n_late, n)
        columns[f"delay_{h}h"] = divide(sum_min, n)
    return columns


def waiting(flights: Flights, group: Ints, prediction_min: Ints, hours: int) -> Columns:
    """Summarize the group's flights due in the last `hours` that have not departed.

    A flight waits from its scheduled time until it departs, or until `hours` have passed. At
    prediction time it is not known that a flight is cancelled, so a cancelled flight counts as
    waiting. The result is the difference of two sums: flights that began to wait, and flights that
    stopped.

    Parameters
    ----------
    prediction_min : array of shape (n_flights,)
        Minutes since 1970, UTC.

    Returns
    -------
    dict
        `waiting_{h}h`: share of the flights due; `waiting_min_{h}h`: mean minutes since the waiting
        flights were due, 0 if no flight waits.
    """
    end_min = np.minimum(flights.departed_min, flights.scheduled_min + hours * _HOUR_MIN)
    has_waited = end_min > flights.scheduled_min
    start_min = flights.scheduled_min[has_waited]
    starts = sum_events(group[has_waited], start_min, start_min)
    ends = sum_events(group[has_waited], end_min[has_waited], start_min)
    zero = np.zeros_like(prediction_min)
    n, sum_start_min = (
        started - ended
        for started, ended in zip(
            starts.between(group, zero, prediction_min),
            ends.between(group, zero, prediction_min),
            strict=True,
        )
    )
    (n_due,) = sum_events(group, flights.scheduled_min).between(
        group, prediction_min - hours * _HOUR_MIN, prediction_min
    )
    mean_min = np.nan_to_num(divide(n * prediction_min - sum_start_min, n))
    return {f"waiting_{hours}h": divide(n, n_due), f"waiting_min_{hours}h": mean_min}


def disruption_rate(
    flights: Flights, group: Ints, params: Features, days: int | None = None
) -> Floats:
    """Return the share of the group's flights that were disrupted, up to `history_lag_d` days ago.

    It is smoothed: `prior_flights` flights with the share of all flights count in addition. If
    given, only the last `days` count. Shape (n_flights,).
    """
    last_day = flights.day - params.history_lag_d
    first_day = np.zeros_like(last_day) if days is None else last_day - days
    by_group = sum_events(group, flights.day, flights.disrupted)
    n, n_disrupted = by_group.between(group, first_day, last_day)
    one_group = np.zeros_like(group)
    n_all, n_all_disrupted = sum_events(one_group, flights.day, flights.disrupted).between(
        one_group, np.zeros_like(last_day), last_day
    )
    mean = divide(n_all_disrupted, n_all)
    return (n_disrupted + params.prior_flights * mean) / (n + params.prior_flights)


def weather_at_prediction(flights: Flights, weather: Weather, params: Features) -> Columns:
    """Return the last observation at least `weather_lag_h` hours before the hour of departure.

    All values are NaN if that observation is more than six hours older still. Values over three
    hours are NaN unless there is an observation exactly three hours before it. An hour without a
    value for rain had no rain.
    """
    observations: AsOfSums = sum_events(weather.origin, weather.time_min)

    def last_observation(time_min: Ints) -> tuple[Ints, Ints]:
        """Return the index and the age in minutes of the origin's last observation at a time."""
        (count,) = observations.until(flights.origin, time_min)
        index = np.maximum(count - 1, 0)
        exists = (weather.origin[index] == flights.origin) & (weather.time_min[index] <= time_min)
        return index, np.where(exists, time_min - weather.time_min[index], NEVER)

    departure_hour_min = flights.scheduled_min - flights.scheduled_min % _HOUR_MIN
    now, age_min = last_observation(departure_hour_min - params.weather_lag_h * _HOUR_MIN)
    is_recent = age_min <= 6 * _HOUR_MIN
    earlier, gap_min = last_observation(weather.time_min[now] - 3 * _HOUR_MIN)
    has_both = is_recent & (gap_min == 0)
    columns = {
        name: np.where(is_recent, v[now], np.nan) for name, v in weather.measurements.items()
    }
    pressure = weather.measurements["pressure"]
    columns["pressure_3h_before"] = np.where(has_both, pressure[earlier], np.nan)
    # Integers, in units of 1e-4 inches, so that later observations cannot change a sum's last bit.
    rain = np.rint(np.nan_to_num(weather.measurements["precip"]) * 10_000).astype(np.int64)
    total = np.cumsum(rain)
    columns["precip_3h"] = np.where(has_both, (total[now] - total[earlier]) / 10_000, np.nan)
    return columns


def traffic_week_ago(flights: Flights) -> Floats:
    """Count the origin's flights scheduled in the same hour a week ago; NaN in the first week."""
    start_min = flights.scheduled_min - flights.scheduled_min % _HOUR_MIN - _WEEK_MIN
    (n,) = sum_events(flights.origin, flights.scheduled_min).between(
        flights.origin, start_min - 1, start_min + 59
    )
    return np.where(start_min >= flights.scheduled_min.min(), n, np.nan)
