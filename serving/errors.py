"""What the server refuses, each problem with its place.

ServingError
    SettingsError   the environment
    BundleError     a folder that is not a bundle, or not the one that was exported
    TableError      a file of rows that cannot be read
    RequestError    a request; carries the HTTP status
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

# What `msgspec.json.decode` raises for bytes that are not JSON, or not of the type asked for.
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Problem(NamedTuple):
    """One thing wrong with a request; row counts from 0, row and column are None where neither."""

    message: str
    row: int | None = None
    column: str | None = None


class ServingError(Exception):
    """Base of all that is expected to go wrong."""


class SettingsError(ServingError):
    """Environment variables that do not fit, all of them."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"settings: {problem}" for problem in problems))


class BundleError(ServingError):
    """A bundle that is refused: where it is, every problem, and what to do next."""

    def __init__(self, where: object, problems: Sequence[str], fix: str) -> None:
        super().__init__(_told("bundle", where, problems, fix))


class TableError(ServingError):
    """A file of rows that is refused, as a bundle is."""

    def __init__(self, where: object, problems: Sequence[str], fix: str) -> None:
        super().__init__(_told("table", where, problems, fix))


def _told(what: str, where: object, problems: Sequence[str], fix: str) -> str:
    return "\n".join([*(f"{what} {where}: {problem}" for problem in problems), f"fix: {fix}"])


class RequestError(ServingError):
    """A request that is refused.

    Parameters
    ----------
    status : int
        The HTTP status.
    detail : str
        What is wrong, in one sentence.
    problems : sequence of Problem
        Each with its row and column where they apply.
    retry_after_s : int, optional
        Sent as Retry-After.
    close : bool
        Whether the connection is given up, because the rest of the body is not read.
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
