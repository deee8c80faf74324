"""What goes wrong, as Metaflow shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metaflow.exception import MetaflowException

from dvc_bridge.errors import BridgeError, of_system


class DvcStageError(MetaflowException):
    """What the user can act on; Metaflow shows it without a traceback."""

    headline = "dvc-bridge"


@contextmanager
def as_metaflow_says() -> Iterator[None]:
    """Raise a `BridgeError` as one that Metaflow shows without a traceback."""
    try:
        yield
    except BridgeError as error:
        raise DvcStageError(str(error)) from None


@contextmanager
def of_machine(where: str) -> Iterator[None]:
    """Raise what the machine refuses, such as room, as a `BridgeError`.

    Not around a step's body: its errors are the user's.

    Parameters
    ----------
    where : str
        The file or folder, for a system that names none.
    """
    try:
        yield
    except OSError as exc:
        if refused := of_system(exc, where):
            raise refused from None
        raise
