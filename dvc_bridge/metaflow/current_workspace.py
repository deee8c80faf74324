"""The folder in which the body of the current step works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_workspace: ContextVar[Path] = ContextVar("workspace")


def workspace() -> Path:
    """Return the working folder of the step, which holds the stage's deps and takes its outs."""
    return _workspace.get()


@contextmanager
def set_workspace(folder: Path) -> Iterator[None]:
    """Make a folder the working folder of the step while its body runs."""
    token = _workspace.set(folder)
    try:
        yield
    finally:
        _workspace.reset(token)
