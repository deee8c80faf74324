"""Turns the body of a request into features: decodes, checks, and computes them as in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from flows.features.arrays import Float32s
from flows.features.known_inputs import KNOWN, feature_numbers
from serving.errors import DECODE_ERRORS, Problem, RequestError, not_json
from serving.model.schema import (
    COLUMN_TYPES,
    HIGH,
    LOW,
    MATCH_ALL,
    MAX_ID,
    MINUTE_OF_CLOCK,
    N_CODES,
    N_TEXTS,
    CheckedRow,
    Columns,
    UncheckedRow,
)
from serving.model.validation import (
    ROWS_OR_COLUMNS,
    body_error,
    columns_problems,
    count_problem,
    date_problems,
    values_error,
)


def _decoder(row: Any) -> Callable[[bytes], Any]:
    """Return the decoder of a body with `rows` or `columns`."""
    client_id = Annotated[str, Meta(max_length=MAX_ID)]
    members: dict[str, Any] = {"rows": list[row], "columns": Columns, "id": client_id}
    fields = [(name, type_ | None, None) for name, type_ in members.items()]
    body = msgspec.defstruct("Body", fields, forbid_unknown_fields=True)
    return msgspec.json.Decoder(body).decode


class Batch(NamedTuple):
    """Rows of a request: their values, and the features computed from them."""

    codes: npt.NDArray[np.object_]  # (n, 3)
    departure: npt.NDArray[np.int64]  # (n,) local minutes since 1970
    arrival: npt.NDArray[np.int64]  # (n,) minutes after midnight
    known: npt.NDArray[np.float64]  # (n, len(KNOWN))
    numbers: Float32s  # (n, len(NUMBERS))


# In the order of COLUMN_TYPES; None is a column that is not known.
_ColumnValues = Sequence[Sequence[Any] | None]


class _Values(NamedTuple):
    """Values by column: texts as decoded, numbers with NaN for what is not known."""

    codes: npt.NDArray[np.object_]
    departure: Sequence[str]
    arrival: Sequence[str]
    known: npt.NDArray[np.float64]


class _InvalidValueError(Exception):
    """Some value is invalid; validation.py finds out which."""


# The values of a larger body are checked by column.
_MAX_CHECKED_BYTES = 16 << 10
_decode_checked, _decode_unchecked = _decoder(CheckedRow), _decoder(UncheckedRow)
_astuple = msgspec.structs.astuple


def read_batch(content: bytes, max_rows: int) -> tuple[Batch, str | None]:
    """Decode a body with rows or columns; also return the id in it.

    Raises
    ------
    RequestError
        400 for a body that is not JSON; 422 for invalid values, with the row and column of each.
    """
    try:
        many = len(content) > _MAX_CHECKED_BYTES
        body = _decode_unchecked(content) if many else _decode_checked(content)
        if (body.rows is None) == (body.columns is None):
            raise RequestError(422, ROWS_OR_COLUMNS)
        if body.columns is not None:
            return _make_batch(_join_columns(_astuple(body.columns), max_rows), check=True), body.id
        _check_count(len(body.rows), max_rows)
        return _make_batch(_split_rows(body.rows), check=many), body.id
    except (msgspec.ValidationError, _InvalidValueError):
        raise body_error(content, max_rows) from None
    except DECODE_ERRORS as error:
        raise not_json(error) from None


def convert_columns(columns: Mapping[str, Sequence[Any]], max_rows: int) -> Batch:
    """Return the batch of columns that were decoded without their types.

    Raises
    ------
    RequestError
        422, with the row and column of each problem.
    """
    try:
        values = _astuple(msgspec.convert(columns, Columns))
        return _make_batch(_join_columns(values, max_rows), check=True)
    except (msgspec.ValidationError, _InvalidValueError):
        raise values_error(columns_problems(columns)) from None


def _check_count(n: int, max_rows: int) -> None:
    if not 1 <= n <= max_rows:
        raise RequestError(422, count_problem(n, max_rows))


def _split_rows(rows: Sequence[Any]) -> _Values:
    """Split rows into columns, through one table of objects: faster than column by column."""
    cells = chain.from_iterable(map(_astuple, rows))
    table = np.fromiter(cells, object, len(rows) * len(COLUMN_TYPES)).reshape(len(rows), -1)
    codes, departure, arrival = table[:, :N_CODES], table[:, N_CODES], table[:, N_CODES + 1]
    # The drift window keeps a copy of the codes and not the whole table. None becomes NaN.
    known = table[:, N_TEXTS:].astype(np.float64)
    return _Values(codes.copy(), departure.tolist(), arrival.tolist(), known)


def _join_columns(columns: _ColumnValues, max_rows: int) -> _Values:
    """Join columns of the same length."""
    codes, (departure, arrival) = columns[:N_CODES], columns[N_CODES:N_TEXTS]
    n = len(codes[0] or ())
    _check_lengths(columns, n)
    _check_count(n, max_rows)
    unknown = (np.nan,) * n
    numbers = [unknown if column is None else column for column in columns[N_TEXTS:]]
    # Faster than np.array, which visits every value twice; None becomes NaN in both.
    known = np.fromiter(chain.from_iterable(numbers), np.float64, n * len(KNOWN)).reshape(-1, n)
    return _Values(np.array(codes, object).T, departure or (), arrival or (), known.T)


def _make_batch(values: _Values, *, check: bool) -> Batch:
    """Compute the features; with `check`, check patterns and ranges before."""
    codes, departure, arrival, known = values
    if check and not all(map(_all_match, MATCH_ALL, (*codes.T.tolist(), departure))):
        raise _InvalidValueError
    if check and ((known < LOW).any() or (known > HIGH).any()):
        raise _InvalidValueError
    try:
        departure_min = np.array(departure, "datetime64[m]").astype(np.int64)
    except ValueError:
        raise values_error(date_problems(departure)) from None
    try:
        arrival_min = np.fromiter(map(MINUTE_OF_CLOCK.__getitem__, arrival), np.int64, len(arrival))
    except KeyError:
        raise _InvalidValueError from None
    numbers = feature_numbers(departure_min, arrival_min, known)
    return Batch(codes, departure_min, arrival_min, known, numbers)


def _all_match(name: str, texts: Sequence[str]) -> bool:
    """Return whether all texts match; one match of the joined texts is faster than many."""
    distinct = set(texts)
    joined = ";".join(distinct) + ";"
    return joined.count(";") == len(distinct) and bool(MATCH_ALL[name](joined))


def _check_lengths(columns: _ColumnValues, n: int) -> None:
    problems = [
        Problem(f"has {len(column)} rows, but {next(iter(COLUMN_TYPES))} has {n}", None, name)
        for name, column in zip(COLUMN_TYPES, columns, strict=True)
        if column is not None and len(column) != n
    ]
    if problems:
        raise RequestError(422, "the columns differ in length", problems)
