"""What goes wrong, as Metaflow shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metaflow.exception import MetaflowException

from dvc_bridge.errors import BridgeError


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
