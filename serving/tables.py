"""Tables of features read from files, for `python -m serving.drift`. Needs pyarrow."""

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

from .description import Reference
from .errors import BundleError, RequestError
from .psi import PROBABILITY
from .request import convert_columns
from .verified import DESCRIPTION, read_bundle

_FIX = "give a bundle, a .parquet or .csv file of features, a folder of those, or a request log"


class Rows(NamedTuple):
    """Rows of features, as the model takes them; probabilities are NaN where they are not there."""

    codes: npt.NDArray[np.object_]
    numbers: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float64]


def read_reference(path: Path) -> Mapping[str, Reference]:
    """Read the histograms of a bundle, or cut those of a table.

    Raises
    ------
    BundleError
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
    BundleError
        No such file, a column missing, a log line that is none.
    """
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise BundleError(path, ["the folder is empty"], _FIX)
    try:
        parts = [_read(file) for file in files]
    except (OSError, pa.ArrowException, msgspec.MsgspecError, RequestError) as error:
        raise BundleError(path, [str(error)], _FIX) from None
    codes, numbers, probabilities = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Rows(codes, numbers, probabilities)


def _read(file: Path) -> Rows:
    if file.suffix == ".jsonl":
        batches = list(_logged(file))
        if not batches:
            raise BundleError(file, ["the log is empty"], _FIX)
        codes, numbers, found = (np.concatenate(column) for column in zip(*batches, strict=True))
        return Rows(codes, numbers, found)
    if file.suffix not in (".parquet", ".csv"):
        raise BundleError(file, [f"files of type {file.suffix or '(none)'} are not read"], _FIX)
    table = pq.read_table(file) if file.suffix == ".parquet" else pacsv.read_csv(file)
    if missing := [c for c in (*CATEGORIES, *NUMBERS) if c not in table.column_names]:
        raise BundleError(file, [f"column {name} is missing" for name in missing], _FIX)
    codes = np.array([table[c].to_pylist() for c in CATEGORIES], object).T
    numbers = np.column_stack([_floats(table[c]) for c in NUMBERS]).astype(np.float32)
    given = PROBABILITY in table.column_names
    found = _floats(table[PROBABILITY]) if given else np.full(len(codes), np.nan)
    return Rows(codes, numbers, found)


def _logged(file: Path) -> Iterator[Rows]:
    with file.open("rb") as lines:
        for line in lines:
            logged: dict[str, Any] = msgspec.json.decode(line)
            given: dict[str, Sequence[Any]] = {
                # A redacted column counts as not known.
                name: values
                for name, values in logged["columns"].items()
                if isinstance(values, list)
            }
            batch = convert_columns(given, len(logged["probabilities"]))
            yield Rows(batch.codes, batch.numbers, np.array(logged["probabilities"], np.float64))


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = values.cast(pa.float64()).to_numpy()
    return found
