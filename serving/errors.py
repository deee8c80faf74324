"""What the server refuses, each problem with its place.

ServingError
    SettingsError   the environment variables
    BundleError     a folder that is not a bundle, or differs from the bundle that was exported
    TableError      a file of rows that cannot be read
    RequestError    a request; has the HTTP status of the response
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

# What `msgspec.json.decode` raises for bytes that are not JSON, or not of the requested type.
DECODE_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Problem(NamedTuple):
    """One problem of a request. Rows count from 0; a problem of no row or no column has None."""

    message: str
    row: int | None = None
    column: str | None = None


class ServingError(Exception):
    """Base class of the expected errors."""


class SettingsError(ServingError):
    """Environment variables that are refused, with all problems."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"settings: {problem}" for problem in problems))


class BundleError(ServingError):
    """A bundle that is refused: where it is, all problems, and what to do next."""

    def __init__(self, where: object, problems: Sequence[str], fix: str) -> None:
        super().__init__(_format_problems("bundle", where, problems, fix))


class TableError(ServingError):
    """A file of rows that is refused: where it is, all problems, and what to do next."""

    def __init__(self, where: object, problems: Sequence[str], fix: str) -> None:
        super().__init__(_format_problems("table", where, problems, fix))


def _format_problems(kind: str, where: object, problems: Sequence[str], fix: str) -> str:
    return "\n".join([*(f"{kind} {where}: {problem}" for problem in problems), f"fix: {fix}"])


class RequestError(ServingError):
    """A request that is refused.

    Parameters
    ----------
    status : int
        The HTTP status.
    detail : str
        What is wrong, in one sentence.
    problems : sequence of Problem
        Each with its row and column, where it has them.
    retry_after_s : int, optional
        Sent as Retry-After.
    close : bool
        Whether the server closes the connection, because it does not read the rest of the body.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        problems: Sequence[Problem] = (),
        *,
        retry_after_s: int | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.problems = status, detail, list(problems)
        self.retry_after_s, self.close = retry_after_s, close


def not_json(error: Exception) -> RequestError:
    """Return the refusal of a body that cannot be decoded, one of `DECODE_ERRORS`."""
    return RequestError(400, f"the body is not JSON: {error}")
