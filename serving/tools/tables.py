"""Tables of features read from files, for `python -m serving.tools.drift`. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from flows.stages.columns import CATEGORIES, NUMBERS
from flows.stages.histograms import code_histogram, number_histogram
from serving.errors import NOT_JSON, RequestError, TableError
from serving.model.bundle_reader import DESCRIPTION, read_bundle
from serving.model.metadata import Reference
from serving.model.request import convert_columns
from serving.monitoring.psi import PROBABILITY

_FIX = "give a bundle, a .parquet or .csv file of features, a folder of those, or a request log"


_NUMBERS = list(NUMBERS)
# What takes the place of a redacted column that a row must have, and the features made of it.
_STAND_INS: dict[str, str | float] = {
    **dict.fromkeys(CATEGORIES, "X"),
    "departure": "2000-01-01T00:00",
    "arrival": "00:00",
    "distance_mi": 0.0,
}
_MADE_OF = {
    "departure": ("departure_min", "weekday", "block_min"),
    "arrival": ("block_min",),
    "distance_mi": ("distance_mi",),
}


class _Line(msgspec.Struct):
    """What is needed of a line of the request log."""

    columns: dict[str, list[Any] | str]
    probabilities: list[float]


class Rows(NamedTuple):
    """Rows of features, as the model takes them; probabilities are NaN where they are not there."""

    codes: npt.NDArray[np.object_]
    numbers: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float64]


def read_reference(path: Path) -> Mapping[str, Reference]:
    """Read the histograms of a bundle, or cut those of a table.

    Raises
    ------
    BundleError, TableError
        Neither is there.
    """
    if (path / DESCRIPTION).exists():
        return read_bundle(path).description.reference
    rows = read_rows(path)
    cut = {
        name: code_histogram(column)
        for name, column in zip(CATEGORIES, rows.codes.T.tolist(), strict=True)
    }
    found = {name: Reference(**histogram) for name, histogram in cut.items()}
    for name, values in zip(NUMBERS, rows.numbers.T, strict=True):
        found[name] = Reference(**number_histogram(values))
    found[PROBABILITY] = Reference(**number_histogram(rows.probabilities.astype(np.float32)))
    return found


def read_rows(path: Path) -> Rows:
    """Read a table: features in .parquet or .csv, or a request log in .jsonl; a folder of them.

    Raises
    ------
    TableError
        No such file, a column missing, a log line that is none.
    """
    if not path.exists():
        raise TableError(path, ["no such file or folder"], _FIX)
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise TableError(path, ["the folder is empty"], _FIX)
    try:
        parts = [_read(file) for file in files]
    except (OSError, pa.ArrowException, msgspec.MsgspecError, RequestError) as error:
        raise TableError(path, [str(error)], _FIX) from None
    codes, numbers, probabilities = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Rows(codes, numbers, probabilities)


def _read(file: Path) -> Rows:
    if file.suffix == ".jsonl":
        batches = list(_logged(file))
        if not batches:
            raise TableError(file, ["the log is empty"], _FIX)
        codes, numbers, found = (np.concatenate(column) for column in zip(*batches, strict=True))
        return Rows(codes, numbers, found)
    if file.suffix not in (".parquet", ".csv"):
        raise TableError(file, [f"files of type {file.suffix or '(none)'} are not read"], _FIX)
    table = pq.read_table(file) if file.suffix == ".parquet" else pacsv.read_csv(file)
    if missing := [c for c in (*CATEGORIES, *NUMBERS) if c not in table.column_names]:
        raise TableError(file, [f"column {name} is missing" for name in missing], _FIX)
    codes = np.array([table[c].to_pylist() for c in CATEGORIES], object).T
    numbers = np.column_stack([_floats(table[c]) for c in NUMBERS]).astype(np.float32)
    given = PROBABILITY in table.column_names
    found = _floats(table[PROBABILITY]) if given else np.full(len(codes), np.nan)
    return Rows(codes, numbers, found)


def _logged(file: Path) -> Iterator[Rows]:
    with file.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            try:
                line = msgspec.json.decode(text, type=_Line)
                yield _rows_of(line)
            except (*NOT_JSON, RequestError) as error:
                problem = f"line {number} is none of a request log: {error}"
                raise TableError(file, [problem], _FIX) from None


def _rows_of(line: _Line) -> Rows:
    """Give the rows of a line; a redacted column counts as not known."""
    n = len(line.probabilities)
    redacted = [name for name, values in line.columns.items() if isinstance(values, str)]
    given: dict[str, Sequence[Any]] = {
        name: values for name, values in line.columns.items() if not isinstance(values, str)
    }
    given |= {name: [_STAND_INS[name]] * n for name in redacted if name in _STAND_INS}
    codes, _, _, _, numbers = convert_columns(given, n)
    for name in redacted:
        if name in CATEGORIES:
            codes[:, list(CATEGORIES).index(name)] = None
        numbers[:, [_NUMBERS.index(feature) for feature in _MADE_OF.get(name, ())]] = np.nan
    return Rows(codes, numbers, np.array(line.probabilities, np.float64))


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return found
