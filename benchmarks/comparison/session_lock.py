"""One session at a time on a machine: two would slow each other down and share a results file."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of each user: a file of another one cannot be opened.
_FILE = Path(tempfile.gettempdir(), f"dvc-bridge-comparison-{os.getuid()}.lock")


@contextmanager
def hold_session_lock(file: Path = _FILE) -> Iterator[None]:
    """Keep other sessions from measuring.

    Raises
    ------
    SystemExit
        Another session is measuring.
    """
    with file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(
                "another session of the comparison is measuring on this machine;"
                " fix: wait until it ends, or stop it with Ctrl-C"
            ) from None
        yield
