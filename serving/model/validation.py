"""Every problem of a body that does not fit, each with its row and column.

A body that fits never comes here, so this looks at value after value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from serving.errors import NOT_JSON, Problem, RequestError
from serving.model.schema import MAX_ID, REQUIRED, TYPES

_MAX_PROBLEMS = 50


def explained(content: bytes, max_rows: int) -> RequestError:
    """Decode again without types, to find every problem and not only the first."""
    try:
        body = msgspec.json.decode(content)
    except NOT_JSON as error:
        return RequestError(400, f"the body is not JSON: {error}")
    parts: dict[str, Any] = body if isinstance(body, dict) else {}
    rows: Any
    columns: Any
    rows, columns = parts.get("rows"), parts.get("columns")
    if detail := _shape_problem(body, rows, columns, max_rows):
        return RequestError(422, detail)
    return refused(columns_problems(columns) if rows is None else _rows_problems(rows))


def _shape_problem(body: Any, rows: Any, columns: Any, max_rows: int) -> str | None:
    """Say what is wrong with the body around the values."""
    if not isinstance(body, dict):
        return "the body is not an object"
    own_id = body.get("id")
    if unknown := sorted(body.keys() - {"rows", "columns", "id"}):
        return f"the body has unknown members: {', '.join(unknown[:5])!r:.200}"
    if own_id is not None and not (isinstance(own_id, str) and len(own_id) <= MAX_ID):
        return f"id is not a text of at most {MAX_ID} characters"
    if not (isinstance(rows, list) and columns is None) and not (
        isinstance(columns, dict) and rows is None
    ):
        return 'the body holds either "rows", a list, or "columns", an object'
    if rows is not None and not 1 <= len(rows) <= max_rows:
        return f"{len(rows)} rows; a request has 1 to {max_rows}"
    return None


def refused(problems: Iterable[Problem]) -> RequestError:
    """Give the refusal, with no more than the first fifty problems."""
    shown = [problem for problem, _ in zip(problems, range(_MAX_PROBLEMS), strict=False)]
    many = "at least " if len(shown) == _MAX_PROBLEMS else ""
    return RequestError(422, f"{many}{unfit(len(shown), 'value')}", shown)


def unfit(n: int, what: str) -> str:
    """Say that `n` of `what` do not fit."""
    return f"1 {what} does not fit" if n == 1 else f"{n} {what}s do not fit"


def _rows_problems(rows: Sequence[Any]) -> Iterable[Problem]:
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            yield Problem("the row is not an object", at)
            continue
        yield from (Problem(m, at, c) for c, m in _names_problems(row))
        for name, value in row.items():
            if name in TYPES and (message := _misfit(value, TYPES[name])):
                yield Problem(message, at, name)


def columns_problems(columns: Mapping[str, Any]) -> Iterable[Problem]:
    """Give every problem of columns that were decoded without their types."""
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
    yield from (
        (name, "the column is missing") for name in TYPES if name in REQUIRED - given.keys()
    )
    yield from ((name[:64], "the column is unknown") for name in given if name not in TYPES)


def _misfit(value: Any, kind: Any) -> str | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None
