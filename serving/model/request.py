"""A /predict body as features: decoded, checked, and computed as in training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from flows.stages.known import KNOWN, Float32s, feature_numbers
from serving.errors import NOT_JSON, Problem, RequestError
from serving.model.schema import (
    CLOCK,
    HIGH,
    LOW,
    MATCHES,
    MAX_ID,
    N_CODES,
    N_TEXTS,
    TYPES,
    BulkRow,
    Columns,
    Row,
)
from serving.model.validation import columns_problems, explained, refused


def _decoder(row: Any) -> Callable[[bytes], Any]:
    """Give what decodes a body of /predict: `rows` or `columns`."""
    own_id = Annotated[str, Meta(max_length=MAX_ID)]
    kinds: dict[str, Any] = {"rows": list[row], "columns": Columns, "id": own_id}
    fields = [(name, kind | None, None) for name, kind in kinds.items()]
    body = msgspec.defstruct("Body", fields, forbid_unknown_fields=True)
    return msgspec.json.Decoder(body).decode


class Batch(NamedTuple):
    """Rows of a request: what was given, and the features made of it."""

    codes: npt.NDArray[np.object_]  # (n, 3)
    departure: npt.NDArray[np.int64]  # (n,) local minutes since 1970
    arrival: npt.NDArray[np.int64]  # (n,) minutes after midnight
    known: npt.NDArray[np.float64]  # (n, len(KNOWN))
    numbers: Float32s  # (n, len(NUMBERS))


# In the order of TYPES; None is a column that is not known.
_Columns = Sequence[Sequence[Any] | None]


class _Given(NamedTuple):
    """Rows taken apart; texts as they came, numbers with NaN where one is not known."""

    codes: npt.NDArray[np.object_]
    departure: Sequence[str]
    arrival: Sequence[str]
    known: npt.NDArray[np.float64]


class _MisfitError(Exception):
    """Some value does not fit; which one is found by looking at each."""


_BULK_BYTES = 16 << 10
_decode, _decode_bulk = _decoder(Row), _decoder(BulkRow)
_astuple = msgspec.structs.astuple


def read_batch(content: bytes, max_rows: int) -> tuple[Batch, str | None]:
    """Decode a body of /predict; also give its id.

    Raises
    ------
    RequestError
        400 for what is not JSON; 422 for what does not fit, with every problem's row and column.
    """
    try:
        bulk = len(content) > _BULK_BYTES
        body = _decode_bulk(content) if bulk else _decode(content)
        if (body.rows is None) == (body.columns is None):
            raise RequestError(422, 'the body holds either "rows" or "columns"')
        if body.columns is not None:
            return _batch(_of_columns(_astuple(body.columns), max_rows), check=True), body.id
        _check_count(len(body.rows), max_rows)
        return _batch(_of_rows(body.rows), check=bulk), body.id
    except (msgspec.ValidationError, _MisfitError):
        raise explained(content, max_rows) from None
    except NOT_JSON as error:
        raise RequestError(400, f"the body is not JSON: {error}") from None


def convert_columns(given: Mapping[str, Sequence[Any]], max_rows: int) -> Batch:
    """Make a batch of columns that were decoded without their types.

    Raises
    ------
    RequestError
        422, with every problem's row and column.
    """
    try:
        columns = _astuple(msgspec.convert(given, Columns))
        return _batch(_of_columns(columns, max_rows), check=True)
    except (msgspec.ValidationError, _MisfitError):
        raise refused(columns_problems(given)) from None


def _check_count(n: int, max_rows: int) -> None:
    if not 1 <= n <= max_rows:
        raise RequestError(422, f"{n} rows; a request has 1 to {max_rows}")


def _of_rows(rows: Sequence[Any]) -> _Given:
    """Take rows apart. Through one table of objects: faster than column by column."""
    cells = chain.from_iterable(map(_astuple, rows))
    table = np.fromiter(cells, object, len(rows) * len(TYPES)).reshape(len(rows), -1)
    codes, departure, arrival = table[:, :N_CODES], table[:, N_CODES], table[:, N_CODES + 1]
    # A copy of the codes is kept for the drift; the whole table is not. None becomes NaN.
    known = table[:, N_TEXTS:].astype(np.float64)
    return _Given(codes.copy(), departure.tolist(), arrival.tolist(), known)


def _of_columns(columns: _Columns, max_rows: int) -> _Given:
    """Join columns, if they are of one length."""
    codes, (departure, arrival) = columns[:N_CODES], columns[N_CODES:N_TEXTS]
    n = len(codes[0] or ())
    _check_even(columns, n)
    _check_count(n, max_rows)
    unknown = (np.nan,) * n
    numbers = [unknown if column is None else column for column in columns[N_TEXTS:]]
    # Faster than np.array, which looks at every value twice; None becomes NaN in both.
    known = np.fromiter(chain.from_iterable(numbers), np.float64, n * len(KNOWN)).reshape(-1, n)
    return _Given(np.array(codes, object).T, departure or (), arrival or (), known.T)


def _batch(given: _Given, *, check: bool) -> Batch:
    """Compute the features; check patterns and ranges if asked to."""
    codes, departure, arrival, known = given
    if check and not all(map(_match, MATCHES, (*codes.T.tolist(), departure))):
        raise _MisfitError
    if check and ((known < LOW).any() or (known > HIGH).any()):
        raise _MisfitError
    try:
        leaves = np.array(departure, "datetime64[m]").astype(np.int64)
    except ValueError:
        raise refused(_dates_problems(departure)) from None
    try:
        lands = np.fromiter(map(CLOCK.__getitem__, arrival), np.int64, len(arrival))
    except KeyError:
        raise _MisfitError from None
    return Batch(codes, leaves, lands, known, feature_numbers(leaves, lands, known))


def _match(name: str, texts: Sequence[str]) -> bool:
    """Say whether all texts fit the pattern; one search in all of them is faster than many."""
    different = set(texts)
    joined = ";".join(different) + ";"
    return joined.count(";") == len(different) and bool(MATCHES[name](joined))


def _check_even(columns: _Columns, n: int) -> None:
    wrong = [
        Problem(f"has {len(column)} rows, {next(iter(TYPES))} has {n}", None, name)
        for name, column in zip(TYPES, columns, strict=True)
        if column is not None and len(column) != n
    ]
    if wrong:
        raise RequestError(422, "the columns differ in length", wrong)


def _dates_problems(departure: Iterable[str]) -> Iterable[Problem]:
    for row, text in enumerate(departure):
        try:
            np.datetime64(text, "m")
        except ValueError:
            yield Problem(f"{text} is no date", row, "departure")
