"""Errors that Metaflow shows without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metaflow.exception import MetaflowException

from dvc_bridge.errors import BridgeError, of_system


class DvcStageError(MetaflowException):
    """An error that the user can fix; Metaflow shows it without a traceback."""

    headline = "dvc-bridge"


@contextmanager
def as_metaflow_says() -> Iterator[None]:
    """Convert a `BridgeError` to an error that Metaflow shows without a traceback."""
    try:
        yield
    except BridgeError as error:
        raise DvcStageError(str(error)) from None


@contextmanager
def of_machine(where: str) -> Iterator[None]:
    """Convert operating-system errors, such as a full disk, to a `BridgeError`.

    Do not use this around a step's body: its errors belong to the user's code.

    Parameters
    ----------
    where : str
        The file or folder to report if the error does not name one.
    """
    try:
        yield
    except OSError as exc:
        if error := of_system(exc, where):
            raise error from None
        raise
