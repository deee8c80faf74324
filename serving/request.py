"""A /predict body as features: decoded, checked, and computed as in training."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from flows.stages.columns import CATEGORIES
from flows.stages.known import KNOWN, Float32s, feature_numbers

from .errors import Problem, RequestError

_CODE, _DEPARTURE = r"^[0-9A-Z]{1,8}$", r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d$"
_ARRIVAL = r"^([01]\d|2[0-3]):[0-5]\d$"
_TIMES = {"departure": _DEPARTURE, "arrival": _ARRIVAL}
_PATTERNS = {**dict.fromkeys(CATEGORIES, _CODE), **_TIMES}
_MATCHES = [re.compile(pattern).search for pattern in _PATTERNS.values()]
_MAX_PROBLEMS = 50


def _number(name: str) -> Any:
    checked = Annotated[float, Meta(ge=KNOWN[name].low, le=KNOWN[name].high)]
    return checked if KNOWN[name].required else checked | None


# Everything that may be in a row, in the order in which it is taken apart: codes, times, numbers.
TYPES: dict[str, Any] = {
    **{name: Annotated[str, Meta(pattern=p)] for name, p in _PATTERNS.items()},
    **{name: _number(name) for name in KNOWN},
}
REQUIRED = frozenset({*_PATTERNS} | {n for n in KNOWN if KNOWN[n].required})
_N_CODES, _N_TEXTS = len(CATEGORIES), len(_PATTERNS)
_LOW = np.array([[k.low] for k in KNOWN.values()])
_HIGH = np.array([[k.high] for k in KNOWN.values()])


def _fields(of: Callable[[Any], Any]) -> list[Any]:
    # Decoded without patterns and ranges, which are checked by column: that takes half the time.
    plain = {name: str if name in _PATTERNS else float for name in TYPES}
    plain |= {name: float | None for name in TYPES if name not in REQUIRED}  # type: ignore[misc]
    return [(n, of(t)) if n in REQUIRED else (n, of(t) | None, None) for n, t in plain.items()]


Row = msgspec.defstruct("Row", _fields(lambda t: t), forbid_unknown_fields=True, gc=False)
Columns = msgspec.defstruct("Columns", _fields(lambda t: list[t]), forbid_unknown_fields=True)


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What /predict takes: `rows` or `columns`."""

    rows: list[Row] | None = None  # type: ignore[valid-type]
    columns: Columns | None = None  # type: ignore[valid-type]
    id: Annotated[str, Meta(max_length=128)] | None = None


class Batch(NamedTuple):
    """Rows of a request: what was given, and the features made of it."""

    codes: npt.NDArray[np.object_]  # (n, 3)
    departure: npt.NDArray[np.int64]  # (n,) local minutes since 1970
    arrival: npt.NDArray[np.int64]  # (n,) minutes after midnight
    known: npt.NDArray[np.float64]  # (n, len(KNOWN))
    numbers: Float32s  # (n, len(NUMBERS))


class _Misfit(Exception):
    """Some value does not fit; which one is found by looking at each."""


_decode = msgspec.json.Decoder(Body).decode
_astuple = msgspec.structs.astuple


def read_batch(content: bytes, max_rows: int) -> tuple[Batch, str | None]:
    """Decode a body of /predict; also give its id.

    Raises
    ------
    RequestError
        400 for what is not JSON; 422 for what does not fit, with every problem's row and column.
    """
    try:
        body = _decode(content)
        if (body.rows is None) == (body.columns is None):
            raise RequestError(422, 'the body holds either "rows" or "columns"')
        if body.rows is None:
            return _batch(_even(_astuple(body.columns)), max_rows), body.id
        _check_count(len(body.rows), max_rows)
        by_column = tuple(zip(*map(_astuple, body.rows), strict=True))
        return _batch(by_column, max_rows), body.id
    except (msgspec.ValidationError, _Misfit):
        raise _explained(content, max_rows) from None
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
        return _batch(_even(_astuple(msgspec.convert(given, Columns))), max_rows)
    except (msgspec.ValidationError, _Misfit):
        raise _refused(_columns_problems(given)) from None


def _check_count(n: int, max_rows: int) -> None:
    if not 1 <= n <= max_rows:
        raise RequestError(422, f"{n} rows; a request has 1 to {max_rows}")


def _batch(columns: Sequence[Sequence[Any] | None], max_rows: int) -> Batch:
    """Check and join columns, in the order of TYPES; None is a column that is not known."""
    n = len(columns[0] or ())
    _check_count(n, max_rows)
    for match, texts in zip(_MATCHES, columns, strict=False):
        if not all(map(match, set(texts or ()))):
            raise _Misfit
    unknown = (np.nan,) * n
    numbers = [unknown if column is None else column for column in columns[_N_TEXTS:]]
    known = np.array(numbers, np.float64)
    if (known < _LOW).any() or (known > _HIGH).any():
        raise _Misfit
    codes = np.array(columns[:_N_CODES], object).T
    departure, arrival = columns[_N_CODES], columns[_N_CODES + 1]
    try:
        leaves = np.array(departure, "datetime64[m]").astype(np.int64)
    except ValueError:
        raise _refused(_dates_problems(departure or ())) from None
    lands = np.array([int(t[:2]) * 60 + int(t[3:5]) for t in arrival or ()], np.int64)
    return Batch(codes, leaves, lands, known.T, feature_numbers(leaves, lands, known.T))


def _even(columns: Sequence[Sequence[Any] | None]) -> Sequence[Sequence[Any] | None]:
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


def _explained(content: bytes, max_rows: int) -> RequestError:
    """Decode again without types, to find every problem and not only the first."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError) as error:
        return RequestError(400, f"the body is not JSON: {error}")
    if not isinstance(body, dict):
        return RequestError(422, "the body is not an object")
    if unknown := sorted(body.keys() - {"rows", "columns", "id"}):
        return RequestError(422, f"the body has unknown members: {', '.join(unknown[:5])!r:.200}")
    if body.get("id") is not None and not (isinstance(body["id"], str) and len(body["id"]) <= 128):
        return RequestError(422, "id is not a text of at most 128 characters")
    rows, columns = body.get("rows"), body.get("columns")
    if isinstance(rows, list) and columns is None:
        if not 1 <= len(rows) <= max_rows:
            return RequestError(422, f"{len(rows)} rows; a request has 1 to {max_rows}")
        return _refused(_rows_problems(rows))
    if isinstance(columns, dict) and rows is None:
        return _refused(_columns_problems(columns))
    return RequestError(422, 'the body holds either "rows", a list, or "columns", an object')


def _refused(problems: Iterable[Problem]) -> RequestError:
    shown = [problem for problem, _ in zip(problems, range(_MAX_PROBLEMS), strict=False)]
    many = "at least " if len(shown) == _MAX_PROBLEMS else ""
    return RequestError(422, f"{many}{len(shown)} values do not fit", shown)


def _rows_problems(rows: Sequence[Any]) -> Iterable[Problem]:
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            yield Problem("the row is not an object", at)
            continue
        yield from (Problem(m, at, c) for c, m in _names_problems(row))
        for name, value in row.items():
            if name in TYPES and (message := _misfit(value, TYPES[name])):
                yield Problem(message, at, name)


def _columns_problems(columns: Mapping[str, Any]) -> Iterable[Problem]:
    yield from (Problem(m, None, c) for c, m in _names_problems(columns))
    for name, values in columns.items():
        if name not in TYPES or (values is None and name not in REQUIRED):
            continue
        if not isinstance(values, list):
            yield Problem("the column is not a list", None, name)
            continue
        for at, value in enumerate(values):
            if message := _misfit(value, TYPES[name]):
                yield Problem(message, at, name)


def _names_problems(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield from ((name, "the column is missing") for name in TYPES if name in REQUIRED - given.keys())
    yield from ((name[:64], "the column is unknown") for name in given if name not in TYPES)


def _misfit(value: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None
