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

from .errors import Problem, RequestError
from .misfits import columns_problems, explained, refused
from .schema import (
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
GivenColumns = Sequence[Sequence[Any] | None]


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
            return _batch(_even(_astuple(body.columns)), max_rows, check=True), body.id
        _check_count(len(body.rows), max_rows)
        by_column = tuple(zip(*map(_astuple, body.rows), strict=True))
        return _batch(by_column, max_rows, check=bulk), body.id
    except (msgspec.ValidationError, _MisfitError):
        raise explained(content, max_rows) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
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
        return _batch(_even(columns), max_rows, check=True)
    except (msgspec.ValidationError, _MisfitError):
        raise refused(columns_problems(given)) from None


def _check_count(n: int, max_rows: int) -> None:
    if not 1 <= n <= max_rows:
        raise RequestError(422, f"{n} rows; a request has 1 to {max_rows}")


def _batch(columns: GivenColumns, max_rows: int, *, check: bool) -> Batch:
    """Join columns of one length, in the order of TYPES; check patterns and ranges if asked to."""
    n = len(columns[0] or ())
    _check_count(n, max_rows)
    if check and not all(map(_match, MATCHES, columns)):
        raise _MisfitError
    unknown = (np.nan,) * n
    numbers = [unknown if column is None else column for column in columns[N_TEXTS:]]
    # Faster than np.array, which looks at every value twice; None becomes NaN in both.
    known = np.fromiter(chain.from_iterable(numbers), np.float64, n * len(KNOWN)).reshape(-1, n)
    if check and ((known < LOW).any() or (known > HIGH).any()):
        raise _MisfitError
    codes = np.array(columns[:N_CODES], object).T
    departure, arrival = columns[N_CODES] or (), columns[N_CODES + 1] or ()
    try:
        leaves = np.array(departure, "datetime64[m]").astype(np.int64)
    except ValueError:
        raise refused(_dates_problems(departure)) from None
    try:
        lands = np.fromiter(map(CLOCK.__getitem__, arrival), np.int64, n)
    except KeyError:
        raise _MisfitError from None
    return Batch(codes, leaves, lands, known.T, feature_numbers(leaves, lands, known.T))


def _match(name: str, texts: Sequence[str] | None) -> bool:
    """Say whether all texts fit the pattern; one search in all of them is faster than many."""
    different = set(texts or ())
    joined = ";".join(different) + ";"
    return joined.count(";") == len(different) and bool(MATCHES[name](joined))


def _even(columns: GivenColumns) -> GivenColumns:
    """Give the columns, if they are of one length."""
    n = len(columns[0] or ())
    wrong = [
        Problem(f"has {len(column)} rows, {next(iter(TYPES))} has {n}", None, name)
        for name, column in zip(TYPES, columns, strict=True)
        if column is not None and len(column) != n
    ]
    if wrong:
        raise RequestError(422, "the columns differ in length", wrong)
    return columns


def _dates_problems(departure: Iterable[str]) -> Iterable[Problem]:
    for row, text in enumerate(departure):
        try:
            np.datetime64(text, "m")
        except ValueError:
            yield Problem(f"{text} is no date", row, "departure")
