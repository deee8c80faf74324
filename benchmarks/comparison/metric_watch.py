"""Notice when a metrics file has new content, while a toolchain runs."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_PERIOD_S = 0.01


class MetricWatch:
    """Looks at a JSON file every 10 ms, in a thread, while its context is open.

    A file that is missing for a while, or not written to its end, is not new.

    Parameters
    ----------
    path
        The file; a missing one has no content before the run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._signature = self._read_signature()
        self._before = path.read_bytes() if path.exists() else b""
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look_until_seen, daemon=True)
        self.seen_s: float | None = None
        """When the new content was seen, on the monotonic clock."""

    def __enter__(self) -> Self:
        """Start to look."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Look once more, and stop."""
        self._ends.set()
        self._thread.join()

    def _look_until_seen(self) -> None:
        while True:
            ends = self._ends.wait(_PERIOD_S)
            if self._is_new():
                self.seen_s = time.monotonic()
                return
            if ends:
                return

    def _is_new(self) -> bool:
        signature = self._read_signature()
        if signature in {None, self._signature}:
            return False
        try:
            content = self._path.read_bytes()
            json.loads(content)
        except (OSError, ValueError):
            return False  # missing or incomplete: its signature will change again
        self._signature = signature
        return content != self._before

    def _read_signature(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
