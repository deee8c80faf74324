"""Every signal on so few flights and observations that they can be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.features.arrow_columns import ARROW_TYPES
from flows.features.columns import FLIGHTS, WEATHER
from flows.features.feature_table import build_feature_table
from flows.features.request_table import build_request_table
from flows.params import Params

NEVER = None  # the delay of a flight that does not depart, or does not arrive
_BEHIND_UTC = timedelta(hours=4)  # New York in June
_OBSERVED = {"wind_dir": 0.0, "wind_speed": 0.0, "visib": 10.0, "pressure": 1000.0, "dewp": 50.0}


def flight(scheduled: str, departure: int | None = 0, **other: Any) -> dict[str, Any]:
    """Return a flight of June 2013, `scheduled` as "10 12:40", that leaves `departure` min late."""
    local = datetime.strptime(f"2013-06-{scheduled}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    return {
        "year": local.year,
        "month": local.month,
        "day": local.day,
        "hour": local.hour,
        "minute": local.minute,
        "time_hour": local.replace(minute=0) + _BEHIND_UTC,
        "sched_dep_time": local.hour * 100 + local.minute,
        "sched_arr_time": 2359,
        "dep_delay": departure,
        "arr_delay": departure,
        "carrier": "UA",
        "flight": 1,
        "origin": "JFK",
        "dest": "BOS",
        "distance": 187,
        **other,
    }


def observation(hour: int, precip: float | None = 0.0, **other: Any) -> dict[str, Any]:
    """Return the weather at JFK on 10 June, local `hour`."""
    local = datetime(2013, 6, 10, hour, tzinfo=UTC)
    at = {"year": 2013, "month": 6, "day": 10, "hour": hour, "time_hour": local + _BEHIND_UTC}
    return {"origin": "JFK", **at, "precip": precip, **_OBSERVED, **other}


def table(rows: list[dict[str, Any]], columns: dict[str, Any]) -> pa.Table:
    """Return a raw table; a value that a row lacks is empty."""
    kinds = {name: ARROW_TYPES[column.kind] for name, column in columns.items()}
    return pa.table({n: pa.array([row.get(n) for row in rows], k) for n, k in kinds.items()})


def last_row(function: Any, params: Params, flights: list[dict[str, Any]], *weather: Any) -> Any:
    """Return the last row of the table that `function` builds."""
    anywhere = [observation(9, origin=origin) for origin in ("EWR", "JFK", "LGA")]
    tables = (table(flights, FLIGHTS), table(list(weather) or anywhere, WEATHER))
    return function(*tables, params.features).to_pylist()[-1]


def known_inputs(params: Params, *flights: dict[str, Any], weather: Any = ()) -> dict[str, Any]:
    """Return the known inputs of the last flight."""
    inputs: dict[str, Any] = last_row(build_request_table, params, list(flights), *weather)
    return inputs


@pytest.mark.parametrize(
    ("departure", "arrival", "disrupted", "operated"),
    [
        (0, 14, 0, 1),
        (40, 14, 0, 1),
        (0, 15, 1, 1),
        (0, 44, 1, 1),
        (0, NEVER, 1, 0),  # diverted
        (NEVER, NEVER, 1, 0),  # cancelled
    ],
)
def test_disrupted_is_15_minutes_late_at_the_destination_or_not_there(
    params: Params, departure: Any, arrival: Any, disrupted: Any, operated: Any
) -> None:
    row = last_row(build_feature_table, params, [flight("10 12:00", departure, arr_delay=arrival)])
    assert (row["disrupted"], row["operated"]) == (disrupted, operated)


def test_departures_up_to_two_hours_before_count_by_origin_and_carrier(params: Params) -> None:
    inputs = known_inputs(
        params,
        flight("09 09:59", 0, flight=2),  # at 9:59, more than 24 hours before 10:00
        flight("09 10:30", 50, flight=3),
        flight("10 06:00", 200, flight=4, carrier="DL", origin="LGA"),  # at 9:20, counts as 3 hours
        flight("10 08:30", -20, flight=5),  # from 8:30 on, counts as 15 minutes early
        flight("10 08:50", 10, flight=6, carrier="DL"),  # at 9:00, an hour before and no less
        flight("10 09:10", 14, flight=7),  # not late
        flight("10 09:20", 15, flight=8),  # late
        flight("10 09:50", 10, flight=9, carrier="DL"),  # at 10:00, just known
        flight("10 09:50", 11, flight=10, carrier="DL"),  # at 10:01, not yet
        flight("10 10:01", -30, flight=11),  # scheduled too late to be looked at
        flight("10 12:00"),
    )
    assert inputs["origin_late_1h"] == 1 / 3
    assert inputs["all_late_1h"] == 2 / 4
    assert inputs["origin_late_3h"] == 1 / 5
    assert inputs["carrier_late_4h"] == 1 / 3
    assert inputs["carrier_late_24h"] == 2 / 4
    assert inputs["all_delay_24h"] == (50 + 180 - 15 + 10 + 14 + 15 + 10) / 7


def test_flights_that_wait_two_hours_before_count_by_origin_carrier_and_destination(
    params: Params,
) -> None:
    inputs = known_inputs(
        params,
        flight("09 10:00", NEVER, flight=2),  # due 24 hours before 10:00 and no less
        flight("10 04:00", NEVER, flight=3),  # due 6 hours before
        flight("10 06:00", NEVER, flight=4),  # waits for 4 hours
        flight("10 08:00", NEVER, flight=5, carrier="DL", dest="ORD"),  # for 2 hours
        flight("10 09:00", 90, flight=6),  # for 1 hour
        flight("10 09:30", 0, flight=7, dest="ORD"),
        flight("10 09:40", 20, flight=8, carrier="DL", origin="LGA"),  # gone at 10:00
        flight("10 10:01", NEVER, flight=9),  # not yet due
        flight("10 12:00"),
    )
    assert inputs["origin_waiting_3h"] == 2 / 3
    assert inputs["all_waiting_3h"] == 2 / 4
    assert inputs["all_waiting_min_3h"] == (120 + 60) / 2
    assert inputs["origin_waiting_24h"] == 4 / 5
    assert inputs["carrier_waiting_4h"] == 1 / 2
    assert inputs["carrier_origin_waiting_6h"] == 2 / 3
    assert inputs["carrier_origin_waiting_min_6h"] == (240 + 60) / 2
    assert inputs["dest_waiting_6h"] == 2 / 3


def test_overdue_time_is_zero_if_no_flight_waits_and_shares_of_no_departures_are_nan(
    params: Params,
) -> None:
    inputs = known_inputs(params, flight("10 09:30", 0, flight=7), flight("10 18:00"))
    assert inputs["all_waiting_min_3h"] == 0
    assert np.isnan([inputs["origin_late_1h"], inputs["origin_waiting_3h"]]).all()


def test_traffic_is_that_of_the_origin_in_the_same_hour_seven_days_before(params: Params) -> None:
    week_ago = [
        flight(f"03 {time}", flight=n) for n, time in enumerate(("11:59", "12:00", "12:59"))
    ]
    others = [flight("03 13:00", flight=8), flight("03 12:10", origin="LGA")]
    assert known_inputs(params, *week_ago, *others, flight("10 12:40"))["traffic_week_ago"] == 2
    assert np.isnan(known_inputs(params, *week_ago, flight("09 12:40"))["traffic_week_ago"])


def test_rates_end_two_days_before_and_few_flights_are_pulled_towards_the_mean(
    params: Params,
) -> None:
    inputs = known_inputs(
        params,
        flight("04 07:00", 60),  # late; the same flight, more than 14 days before the 18th
        flight("05 12:00", 60, flight=2),  # late; at the same hour
        flight("05 12:00", 0, flight=1, carrier="DL", origin="LGA", dest="ORD"),
        flight("18 07:00", 0, flight=3, dest="ORD"),  # the last day that counts
        flight("19 12:00", 60),  # too near
        flight("20 12:00"),
    )
    prior, mean = params.features.prior_flights, 2 / 4

    def rate(late: int, n: int) -> float:
        return (late + prior * mean) / (n + prior)

    assert inputs["carrier_rate_14d"] == rate(1, 2)
    assert inputs["origin_hour_rate"] == rate(1, 1)
    assert inputs["dest_rate"] == rate(2, 2)
    assert inputs["dest_rate_14d"] == rate(1, 1)
    assert inputs["flight_rate"] == rate(1, 1)


def day(*hours: int, **other: Any) -> list[dict[str, Any]]:
    """Return observations that differ: their rain is 0.01 inch times the hour of the day."""
    values = {"pressure": 1000.0, "wind_dir": 10.0, "wind_speed": 1.0, "visib": 1.0, "dewp": 1.0}
    return [
        observation(h, h / 100, **{k: v if k == "pressure" else v * h for k, v in values.items()})
        | ({"pressure": 1000.0 + h} | other)
        for h in hours
    ]


def test_weather_is_that_of_three_hours_before_the_hour_of_departure_at_the_origin(
    params: Params,
) -> None:
    elsewhere = day(8, 9, origin="EWR")
    inputs = known_inputs(
        params, flight("10 12:40"), weather=[*day(5, 6, 7, 8, 9, 10, 11), *elsewhere]
    )
    names = ("precip", "wind_dir", "wind_speed", "visib", "pressure", "dewp", "pressure_3h_before")
    assert [inputs[name] for name in names] == [0.09, 90, 9, 9, 1009, 9, 1006]
    assert inputs["precip_3h"] == pytest.approx(0.07 + 0.08 + 0.09)


def test_if_an_observation_is_missing_the_previous_one_counts_for_six_hours(
    params: Params,
) -> None:
    assert known_inputs(params, flight("10 12:40"), weather=day(3, 10))["visib"] == 3
    assert np.isnan(known_inputs(params, flight("10 12:40"), weather=day(2, 10))["visib"])
    older = known_inputs(params, flight("10 12:40"), weather=day(5, 6, 8, 10))
    assert (older["pressure"], older["pressure_3h_before"]) == (1008, 1005)


def test_values_over_three_hours_need_an_observation_exactly_three_hours_before(
    params: Params,
) -> None:
    inputs = known_inputs(params, flight("10 12:40"), weather=day(5, 7, 8, 9))
    assert inputs["precip"] == 0.09
    assert np.isnan([inputs["precip_3h"], inputs["pressure_3h_before"]]).all()


def test_an_hour_without_a_value_for_rain_had_none(params: Params) -> None:
    weather = [*day(6, 7), observation(8, None), *day(9)]
    assert known_inputs(params, flight("10 12:40"), weather=weather)["precip_3h"] == pytest.approx(
        0.16
    )


def test_signals_are_the_same_in_the_last_year_that_is_allowed(params: Params) -> None:
    flights = [flight("10 08:00", NEVER, flight=2), flight("10 09:20", 15), flight("10 12:00")]
    later = [f | {"time_hour": f["time_hour"].replace(year=2096), "year": 2096} for f in flights]
    now, then = known_inputs(params, *flights), known_inputs(params, *later)
    names = ("origin_late_1h", "all_delay_24h", "origin_waiting_3h", "all_waiting_min_3h")
    assert [now[name] for name in names] == [1, 15, 0.5, 120]
    assert [then[name] for name in names] == [1, 15, 0.5, 120]
