"""featurize: what was known two hours before each departure, as one table of features per month."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.errors import StageError
from flows.features.arrow_columns import month_starts
from flows.features.columns import (
    FEATURES,
    FLIGHT_KEY,
    FLIGHTS,
    WEATHER,
    WEATHER_KEY,
    forbidden_features,
)
from flows.features.feature_table import build_feature_table
from flows.params import Features
from flows.tables.csv import read_csv
from flows.tables.files import atomic_directory
from flows.tables.months import month_files
from flows.tables.parquet import write_table
from flows.tables.row_checks import first_row_problem

# The columns of data/raw/flights that features or labels are computed from.
_FLIGHT_COLUMNS = (
    *("year", "month", "day", "sched_dep_time", "sched_arr_time", "dep_delay", "arr_delay"),
    *("carrier", "flight", "origin", "dest", "distance", "hour", "minute", "time_hour"),
)


def featurize(root: Path, params: Features) -> None:
    """Write data/features/YYYY-MM.parquet from data/raw, sorted by departure, carrier, number.

    Raises
    ------
    StageError
        A month between two others is missing, a raw file does not conform to `columns`, a flight is
        not of the month of its file, a feature is forbidden, or an origin has no weather.
    """
    if problems := forbidden_features(FEATURES):
        raise StageError(problems, "remove it from the features in flows/features/columns.py")
    raw = root / "data" / "raw"
    files = month_files(raw / "flights", ".csv")
    flights = pa.concat_tables([_read_flights(file, month) for month, file in files.items()])
    weather_file = raw / "weather.csv"
    weather = read_csv(weather_file, weather_file.read_bytes(), WEATHER, WEATHER_KEY)
    table = build_feature_table(flights, weather, params)
    row_month = pc.strftime(table["date"], format="%Y-%m")
    with atomic_directory(root / "data" / "features") as part:
        for month in files:
            write_table(part / f"{month}.parquet", table.filter(pc.equal(row_month, month)))


def _read_flights(path: Path, month: str) -> pa.Table:
    table = read_csv(path, path.read_bytes(), FLIGHTS, FLIGHT_KEY, _FLIGHT_COLUMNS)
    is_other = month_starts(table) != np.datetime64(month, "D").astype(np.int64)
    reason = f"the file is for {month}"
    if problems := first_row_problem(f"{path}", table, is_other, ("year", "month"), reason):
        raise StageError(problems, "run `dvc checkout` or `dvc repro --force ingest`")
    return table
