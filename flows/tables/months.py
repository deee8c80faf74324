"""Months, written YYYY-MM: spans of them, the files of a span, and a table cut by month."""

from __future__ import annotations

import re
from pathlib import Path

from flows.errors import StageError

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def month_before(month: str) -> str:
    """Return the month before `month`."""
    return _month_of(_index_of(month) - 1)


def months_between(first: str, last: str) -> list[str]:
    """Return the months from `first` to `last`, inclusive; empty if `last` precedes `first`."""
    return [_month_of(index) for index in range(_index_of(first), _index_of(last) + 1)]


def month_files(
    folder: Path, suffix: str, first: str | None = None, last: str | None = None
) -> dict[str, Path]:
    """Return the file of each month of a span, in time order.

    Parameters
    ----------
    suffix : str
        What follows the month in the files' names.
    first, last : str, optional
        The span, inclusive; by default from the first and to the last month in `folder`.

    Raises
    ------
    StageError
        A month of the span has no file, or the name of a file with that suffix is not a month.
    """
    files = {file.stem: file for file in sorted(folder.glob(f"*{suffix}"))}
    problems = [
        f"{file} is not named after a month"
        for name, file in files.items()
        if not _MONTH.fullmatch(name)
    ]
    if not files:
        problems = [f"{folder} contains no months"]
    if not problems:
        months = months_between(first or min(files), last or max(files))
        problems = [f"{folder}/{m}{suffix} is missing" for m in months if m not in files]
        problems += [] if months else [f"{folder} contains no month up to {last}"]
    if problems:
        fix = "run `dvc repro` or `dvc checkout`, or choose other months in params.yaml"
        raise StageError(problems, fix)
    return {month: files[month] for month in months}


def split_months(flights: bytes, last_month: str) -> dict[str, bytes]:
    """Cut flights.csv into months up to `last_month`, inclusive; each begins with the header.

    Raises
    ------
    StageError
        A month has no rows, or all rows are later than `last_month`.
    """
    header, *lines = flights.splitlines(keepends=True)
    lines_by_month: dict[str, list[bytes]] = {}
    for line in lines:
        year, month, _ = line.split(b",", 2)
        lines_by_month.setdefault(f"{int(year):04d}-{int(month):02d}", []).append(line)
    first_month = min(lines_by_month)
    if last_month < first_month:
        problem = f"parameter ingest.last_month = {last_month}: the data begins in {first_month}"
        raise StageError([problem], "choose a later ingest.last_month in params.yaml")
    months = months_between(first_month, last_month)
    missing = [month for month in months if month not in lines_by_month]
    if missing:
        problems = [f"flights.csv: month {month} has no rows" for month in missing]
        raise StageError(problems, "choose an earlier ingest.last_month, or add the missing months")
    return {month: b"".join([header, *lines_by_month[month]]) for month in months}


def _index_of(month: str) -> int:
    """Return the number of months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _month_of(index: int) -> str:
    return f"{index // 12:04d}-{index % 12 + 1:02d}"
