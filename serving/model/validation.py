"""All problems of an invalid body, each with its row and column.

Only invalid bodies come here, so this may check one value after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from serving.errors import DECODE_ERRORS, Problem, RequestError, not_json
from serving.model.schema import COLUMN_TYPES, MAX_ID, REQUIRED

_MAX_PROBLEMS = 50
ROWS_OR_COLUMNS = 'the body must have either "rows", a list, or "columns", an object'


def body_error(content: bytes, max_rows: int) -> RequestError:
    """Return the refusal of an invalid body, decoded again without types to find all problems."""
    try:
        body = msgspec.json.decode(content)
    except DECODE_ERRORS as error:
        return not_json(error)
    members: dict[str, Any] = body if isinstance(body, dict) else {}
    rows: Any
    columns: Any
    rows, columns = members.get("rows"), members.get("columns")
    if detail := _shape_problem(body, rows, columns, max_rows):
        return RequestError(422, detail)
    return values_error(columns_problems(columns) if rows is None else _rows_problems(rows))


def _shape_problem(body: Any, rows: Any, columns: Any, max_rows: int) -> str | None:
    """Return the first problem of the body outside the values, or None."""
    if not isinstance(body, dict):
        return "the body is not a JSON object"
    client_id = body.get("id")
    if unknown := sorted(body.keys() - {"rows", "columns", "id"}):
        return f"the body has unknown members: {', '.join(unknown[:5])!r:.200}"
    if client_id is not None and not (isinstance(client_id, str) and len(client_id) <= MAX_ID):
        return f"id is not a string of at most {MAX_ID} characters"
    if not (isinstance(rows, list) and columns is None) and not (
        isinstance(columns, dict) and rows is None
    ):
        return ROWS_OR_COLUMNS
    if rows is not None and not 1 <= len(rows) <= max_rows:
        return count_problem(len(rows), max_rows)
    return None


def count_problem(rows: int, max_rows: int) -> str:
    """Return the problem of a request with too few or too many rows."""
    return f"the body has {rows} rows; a request has 1 to {max_rows}"


def values_error(problems: Iterable[Problem]) -> RequestError:
    """Return the refusal of invalid values, with at most the first fifty problems."""
    first = [problem for problem, _ in zip(problems, range(_MAX_PROBLEMS), strict=False)]
    prefix = "at least " if len(first) == _MAX_PROBLEMS else ""
    return RequestError(422, f"{prefix}{count_invalid(len(first), 'value')}", first)


def count_invalid(n: int, noun: str) -> str:
    """Return the sentence that `n` of `noun` are invalid."""
    return f"1 {noun} is invalid" if n == 1 else f"{n} {noun}s are invalid"


def _rows_problems(rows: Sequence[Any]) -> Iterable[Problem]:
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            yield Problem("the row is not a JSON object", index)
            continue
        yield from (Problem(m, index, c) for c, m in _names_problems(row))
        for name, value in row.items():
            if name in COLUMN_TYPES and (message := _value_problem(value, COLUMN_TYPES[name])):
                yield Problem(message, index, name)


def columns_problems(columns: Mapping[str, Any]) -> Iterable[Problem]:
    """Return all problems of columns that were decoded without their types."""
    yield from (Problem(m, None, c) for c, m in _names_problems(columns))
    for name, values in columns.items():
        if name not in COLUMN_TYPES or (values is None and name not in REQUIRED):
            continue
        if not isinstance(values, list):
            yield Problem("the column is not a list", None, name)
            continue
        for index, value in enumerate(values):
            if message := _value_problem(value, COLUMN_TYPES[name]):
                yield Problem(message, index, name)


def _names_problems(columns: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    missing = REQUIRED - columns.keys()
    yield from ((name, "the column is missing") for name in COLUMN_TYPES if name in missing)
    unknown = [name[:64] for name in columns if name not in COLUMN_TYPES]
    yield from ((name, "the column is unknown") for name in unknown)


def _value_problem(value: Any, column_type: Any) -> str | None:
    try:
        msgspec.convert(value, column_type)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def date_problems(departure: Iterable[str]) -> Iterable[Problem]:
    """Yield departures that match the pattern, but do not exist, such as 30 February."""
    for row, text in enumerate(departure):
        try:
            np.datetime64(text, "m")
        except ValueError:
            yield Problem(f"{text} is not a date", row, "departure")
