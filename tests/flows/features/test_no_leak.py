"""No feature depends on events after the prediction time, two hours before departure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.features.columns import CATEGORIES, FEATURES
from flows.features.feature_table import build_feature_table
from flows.params import Features, Params

_DAY_S = 24 * 3600
_KEY = ("departure_utc", "carrier", "flight", "origin")
# The longest flight here takes 11 hours by schedule. One that is not back 16 hours after its
# scheduled departure is known to be disrupted; one that should be back sooner may not be.
_LANDED_BY_S = 16 * 3600
_MAX_DELAY_MIN = 4320

slices = st.fixed_dictionaries(
    {
        "first_day": st.integers(0, 355),
        "n_days": st.integers(9, 18),
        "origins": st.sets(st.sampled_from(["EWR", "JFK", "LGA"]), min_size=1, max_size=2),
        "every": st.integers(1, 3),
    }
)


def cut(
    flights: pa.Table,
    weather: pa.Table,
    *,
    first_day: int,
    n_days: int,
    origins: set[str],
    every: int,
) -> tuple[pa.Table, pa.Table]:
    """Return the flights and weather of some airports and days, and every n-th flight of them."""
    start = int(np.datetime64("2013-01-01T05:00:00", "s").astype(np.int64)) + first_day * _DAY_S

    def within(table: pa.Table) -> pa.Table:
        time = _seconds(table)
        inside = (time >= start) & (time < start + n_days * _DAY_S)
        at_airport = pc.is_in(table["origin"], pa.array(sorted(origins))).to_numpy()
        return table.filter(pa.array(inside & at_airport))

    chosen = within(flights)
    chosen = chosen.take(pa.array(np.arange(0, chosen.num_rows, every)))
    observed = within(weather)
    missing = origins - set(observed["origin"].to_pylist())
    for origin in sorted(missing):  # the last day of the year has none
        observed = pa.concat_tables([observed, weather.filter(pc.equal(weather["origin"], origin))])
    return chosen, observed


def damage(
    flights: pa.Table, weather: pa.Table, known_s: int, keep: int, seed: int
) -> tuple[pa.Table, pa.Table]:
    """Change or delete everything that becomes known after `known_s`, except the row `keep`."""
    random = np.random.default_rng(seed)
    scheduled = _scheduled(flights)
    delay = flights["dep_delay"].to_numpy()
    departed = np.where(np.isnan(delay), np.inf, scheduled + np.nan_to_num(delay) * 60)
    flights = _change_arrivals(flights, random, scheduled, departed, known_s)
    later = (scheduled > known_s) | (departed > known_s)
    flights = _change_departures(flights, random, scheduled, later, known_s)
    deleted = (scheduled > known_s) & (random.random(len(scheduled)) < random.random())
    deleted[keep] = False
    return flights.filter(pa.array(~deleted)), _change_weather(weather, random, known_s)


def _change_arrivals(
    flights: pa.Table, random: Any, scheduled: Any, departed: Any, known_s: int
) -> pa.Table:
    """Make the flights that are in the air land at another time, or elsewhere."""
    in_air_s = np.nan_to_num(flights["air_time"].to_numpy() * 60, nan=_LANDED_BY_S)
    in_air = (departed <= known_s) & (departed + in_air_s > known_s)
    overdue = scheduled + _LANDED_BY_S <= known_s
    n = flights.num_rows
    arr_delay = np.where(overdue, random.integers(15, 600, n), random.integers(-60, 600, n))
    arr_delay = np.where(random.random(n) < 0.2, np.nan, arr_delay)
    new = {
        "arr_delay": arr_delay,
        "arr_time": random.integers(1, 2400, n).astype(np.float64),
        "air_time": random.integers(20, 700, n).astype(np.float64),
    }
    return _replace(flights, in_air, new)


def _change_departures(
    flights: pa.Table, random: Any, scheduled: Any, later: Any, known_s: int
) -> pa.Table:
    """Make flights that have not left leave at another time after `known_s`, or never.

    `later` selects those flights and the flights scheduled after `known_s`. The latter must not be
    read at all, so they leave at any time, even before `known_s`.
    """
    n = flights.num_rows
    overdue_min = np.maximum(np.floor((known_s - scheduled) / 60), -180)
    dep_delay = overdue_min + 1 + np.floor(random.exponential(90, n))
    dep_delay = np.where(scheduled > known_s, random.integers(-180, 600, n), dep_delay)
    never = (random.random(n) < 0.3) | (dep_delay > _MAX_DELAY_MIN)
    arr_delay = dep_delay + random.integers(-30, 120, n)
    new = {
        "dep_delay": np.where(never, np.nan, dep_delay),
        "arr_delay": np.where(never, np.nan, arr_delay),
        "dep_time": np.where(never, np.nan, random.integers(1, 2400, n)),
        "arr_time": np.where(never, np.nan, random.integers(1, 2400, n)),
        "air_time": np.where(never, np.nan, random.integers(20, 700, n)),
        "tailnum": np.where(never, np.array(None), np.array("N00000", object)),
    }
    return _replace(flights, later, new)


def _change_weather(weather: pa.Table, random: Any, known_s: int) -> pa.Table:
    later = _seconds(weather) > known_s
    n = weather.num_rows
    names = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
    new = {
        name: np.where(random.random(n) < 0.2, np.nan, random.uniform(0, 300, n)) for name in names
    }
    weather = _replace(weather, later, new)
    deleted = later & (random.random(n) < random.random())
    # An airport without weather is an error, so one observation of each airport remains.
    _, last = np.unique(weather["origin"].to_numpy(zero_copy_only=False)[::-1], return_index=True)
    deleted[n - 1 - last] = False
    return weather.filter(pa.array(~deleted))


def _replace(table: pa.Table, rows: Any, new: dict[str, Any]) -> pa.Table:
    for name, column in new.items():
        array = pa.array(column, table[name].type, from_pandas=False)
        mixed = pc.if_else(pa.array(rows), array, table[name].combine_chunks())
        table = table.set_column(table.column_names.index(name), name, mixed)
    return table


def _seconds(table: pa.Table) -> Any:
    return table["time_hour"].cast(pa.int64()).to_numpy()


def _scheduled(flights: pa.Table) -> Any:
    return _seconds(flights) + flights["minute"].to_numpy() * 60


def bits(table: pa.Table) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return the features of each flight by its key: numbers as 32 bits, all NaN as one value."""
    columns = []
    for name in FEATURES:
        values = table[name]
        if name not in CATEGORIES:
            numbers = values.to_numpy()
            values = pa.array(np.where(np.isnan(numbers), -1, numbers.view(np.int32)))
        columns.append(values.to_pylist())
    keys = zip(*(table[name].to_pylist() for name in _KEY), strict=True)
    return dict(zip(keys, zip(*columns, strict=True), strict=True))


def check_no_leak(
    flights: pa.Table, weather: pa.Table, params: Features, which: float, seed: int
) -> None:
    """Damage everything after a flight's prediction time; no flight up to it may change."""
    keep = int(which * flights.num_rows)
    scheduled = _scheduled(flights)
    lead_s = 120 * 60
    known_s = int(scheduled[keep]) - lead_s
    before = bits(build_feature_table(flights, weather, params))
    damaged = damage(flights, weather, known_s, keep, seed)
    after = bits(build_feature_table(*damaged, params))
    row = flights.slice(keep, 1).to_pylist()[0]
    end_s = int(scheduled[keep])
    n_compared = 0
    for key, expected in before.items():
        if key[0].timestamp() <= end_s and key in after:
            changed = [n for n, a, b in zip(FEATURES, expected, after[key], strict=True) if a != b]
            assert not changed, f"{key}: {changed} changed by what came after the prediction time"
            n_compared += key[1:] == (row["carrier"], row["flight"], row["origin"])
    assert n_compared, "the flight itself is missing"


@settings(max_examples=25, deadline=None, derandomize=True)
@given(slice_=slices, which=st.floats(0, 1, exclude_max=True), seed=st.integers(0, 2**32 - 1))
def test_events_after_the_prediction_time_change_no_bit_of_a_flights_features(
    flights: pa.Table, weather: pa.Table, params: Params, slice_: Any, which: float, seed: int
) -> None:
    chosen, observed = cut(flights, weather, **slice_)
    if chosen.num_rows:
        check_no_leak(chosen, observed, params.features, which, seed)


@pytest.mark.parametrize("early", [{"lead_min": -60}, {"weather_lag_h": 0}, {"history_lag_d": -1}])
def test_the_check_finds_a_feature_that_knows_too_much(
    flights: pa.Table, weather: pa.Table, params: Params, early: dict[str, int]
) -> None:
    leaky = Features.model_construct(**{**params.features.model_dump(), **early})
    chosen, observed = cut(
        flights, weather, first_day=60, n_days=12, origins={"EWR", "JFK"}, every=1
    )
    with pytest.raises(AssertionError, match="changed by what came after"):
        for seed in range(5):
            check_no_leak(chosen, observed, leaky, 0.6 + seed / 20, seed)
