"""Months written YYYY-MM, and spans of them."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import StageError

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def month_name(year: int, month: int) -> str:
    """Write a month as YYYY-MM."""
    return f"{year:04d}-{month:02d}"


def month_before(month: str) -> str:
    """Give the month before `month`."""
    return _written(_count(month) - 1)


def months_between(first: str, last: str) -> list[str]:
    """Give every month from `first` to `last`, both with it; none if `last` comes first."""
    return [_written(n) for n in range(_count(first), _count(last) + 1)]


def month_files(
    folder: Path, suffix: str, first: str | None = None, last: str | None = None
) -> dict[str, Path]:
    """Give month -> file of `folder` from `first` to `last`, in order of time and without a gap.

    Parameters
    ----------
    suffix : str
        What follows the month in the names.
    first, last : str, optional
        Without one, the first or the last month that there is.

    Raises
    ------
    StageError
        A month of the span has no file, or a file of that suffix is not named by a month.
    """
    found = {f.stem: f for f in sorted(folder.glob(f"*{suffix}"))}
    problems = [f"{f} is not named by a month" for n, f in found.items() if not _MONTH.fullmatch(n)]
    if not found:
        problems = [f"{folder} holds no month"]
    if not problems:
        months = months_between(first or min(found), last or max(found))
        problems = [f"{folder}/{m}{suffix} is missing" for m in months if m not in found]
        problems += [] if months else [f"{folder} holds no month up to {last}"]
    if problems:
        raise StageError(problems, "dvc repro, dvc checkout, or other months in params.yaml")
    return {month: found[month] for month in months}


def _count(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _written(count: int) -> str:
    return month_name(count // 12, count % 12 + 1)
