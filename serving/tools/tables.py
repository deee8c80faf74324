"""Reads tables of features from files, for `python -m serving.tools.drift`. Needs pyarrow."""

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

from flows.features.columns import CATEGORIES, NUMBERS
from flows.models.histograms import code_histogram, number_histogram
from serving.errors import DECODE_ERRORS, RequestError, TableError
from serving.model.bundle_reader import METADATA, read_bundle
from serving.model.metadata import ReferenceHistogram
from serving.model.request import convert_columns
from serving.monitoring.psi import PROBABILITY

_FIX = (
    "pass a bundle, a .parquet or .csv file of features, a folder of such files, or a request log"
)
_NUMBERS = list(NUMBERS)
# The value of a redacted column that a row must have, and the features that depend on the column.
_PLACEHOLDERS: dict[str, str | float] = {
    **dict.fromkeys(CATEGORIES, "X"),
    "departure": "2000-01-01T00:00",
    "arrival": "00:00",
    "distance_mi": 0.0,
}
_DEPENDENT_FEATURES = {
    "departure": ("departure_min", "weekday", "block_min"),
    "arrival": ("block_min",),
    "distance_mi": ("distance_mi",),
}


class _LogLine(msgspec.Struct):
    """The part of a line of the request log that the comparison needs."""

    columns: dict[str, list[Any] | str]
    probabilities: list[float]


class FeatureRows(NamedTuple):
    """Rows of features as the model takes them; without probabilities, those are NaN."""

    codes: npt.NDArray[np.object_]
    numbers: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float64]


def read_reference(path: Path) -> Mapping[str, ReferenceHistogram]:
    """Read the histograms of a bundle, or compute those of a table.

    Raises
    ------
    BundleError, TableError
        The bundle or the table cannot be read.
    """
    if (path / METADATA).exists():
        return read_bundle(path).metadata.reference
    rows = read_rows(path)
    codes = {
        name: code_histogram(column)
        for name, column in zip(CATEGORIES, rows.codes.T.tolist(), strict=True)
    }
    reference = {name: ReferenceHistogram(**histogram) for name, histogram in codes.items()}
    for name, values in zip(NUMBERS, rows.numbers.T, strict=True):
        reference[name] = ReferenceHistogram(**number_histogram(values))
    reference[PROBABILITY] = ReferenceHistogram(
        **number_histogram(rows.probabilities.astype(np.float32))
    )
    return reference


def read_rows(path: Path) -> FeatureRows:
    """Read features in .parquet or .csv, a request log in .jsonl, or a folder of such files.

    Raises
    ------
    TableError
        No such file, a missing column, a line that is not of a request log.
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
    return FeatureRows(codes, numbers, probabilities)


def _read(file: Path) -> FeatureRows:
    if file.suffix == ".jsonl":
        batches = list(_read_log(file))
        if not batches:
            raise TableError(file, ["the log is empty"], _FIX)
        codes, numbers, scores = (np.concatenate(column) for column in zip(*batches, strict=True))
        return FeatureRows(codes, numbers, scores)
    if file.suffix not in (".parquet", ".csv"):
        raise TableError(file, [f"files of type {file.suffix or '(none)'} are not supported"], _FIX)
    table = pq.read_table(file) if file.suffix == ".parquet" else pacsv.read_csv(file)
    if missing := [c for c in (*CATEGORIES, *NUMBERS) if c not in table.column_names]:
        raise TableError(file, [f"column {name} is missing" for name in missing], _FIX)
    codes = np.array([table[c].to_pylist() for c in CATEGORIES], object).T
    numbers = np.column_stack([_floats(table[c]) for c in NUMBERS]).astype(np.float32)
    has_scores = PROBABILITY in table.column_names
    scores = _floats(table[PROBABILITY]) if has_scores else np.full(len(codes), np.nan)
    return FeatureRows(codes, numbers, scores)


def _read_log(file: Path) -> Iterator[FeatureRows]:
    with file.open("rb") as lines:
        for number, text in enumerate(lines, start=1):
            try:
                line = msgspec.json.decode(text, type=_LogLine)
                yield _rows_of(line)
            except (*DECODE_ERRORS, RequestError) as error:
                problem = f"line {number} is not a line of a request log: {error}"
                raise TableError(file, [problem], _FIX) from None


def _rows_of(line: _LogLine) -> FeatureRows:
    """Return the rows of a line; a redacted column counts as not known."""
    n = len(line.probabilities)
    redacted = [name for name, values in line.columns.items() if isinstance(values, str)]
    columns: dict[str, Sequence[Any]] = {
        name: values for name, values in line.columns.items() if not isinstance(values, str)
    }
    columns |= {name: [_PLACEHOLDERS[name]] * n for name in redacted if name in _PLACEHOLDERS}
    codes, _, _, _, numbers = convert_columns(columns, n)
    for name in redacted:
        if name in CATEGORIES:
            codes[:, list(CATEGORIES).index(name)] = None
        numbers[:, [_NUMBERS.index(feature) for feature in _DEPENDENT_FEATURES.get(name, ())]] = (
            np.nan
        )
    return FeatureRows(codes, numbers, np.array(line.probabilities, np.float64))


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    floats: npt.NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return floats
