"""The events of a run as JSON Lines; `events.schema.json` describes them.

Each line is written as soon as it happens, so that others can follow the run.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from threading import Lock
from typing import IO, Any

from dvc_bridge.pipeline.numbering import Row
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.ui.view import View

SCHEMA = 1


class EventsView:
    """Implements `ui.view.View`; a reader that goes away does not end the run.

    Parameters
    ----------
    file
        Receives a line for each event.
    unit
        What a row is: `stage` in a local run, `task` in a remote run.
    inner
        The view that shows the run to people; None: there is none.
    """

    def __init__(self, file: IO[str], unit: str, inner: View | None) -> None:
        self._file, self._unit, self._inner = file, unit, inner
        self._names: Sequence[str] = ()
        self._run = ""
        self._outcomes: dict[Row, Outcome] = {}
        self._lock = Lock()

    @contextmanager
    def shown(
        self,
        names: Sequence[str],
        seconds: Mapping[str, float],
        followers: Sequence[Sequence[Row]],
        run: str = "",
    ) -> Iterator[None]:
        """Write the begin and the end of the run."""
        self._names, self._run = names, run
        self._write("run_started", count=len(names))
        inner = self._inner.shown(names, seconds, followers, run) if self._inner else nullcontext()
        try:
            with inner:
                yield
        finally:
            counts = Counter(outcome.value for outcome in self._outcomes.values())
            self._write("run_ended", outcomes=dict(counts))

    def started(self, row: Row, command: Sequence[str] = (), why: str = "") -> None:
        """Write that the row has started."""
        self._write("started", row, reason=why)
        if self._inner:
            self._inner.started(row, command, why)

    def line(self, row: Row, text: str) -> None:
        """Write nothing: the log has the output."""
        if self._inner:
            self._inner.line(row, text)

    def passing(self, row: Row, text: str) -> None:
        """Write nothing."""
        if self._inner:
            self._inner.passing(row, text)

    def ended(self, row: Row, outcome: Outcome, why: str = "") -> None:
        """Write the outcome of the row."""
        self._outcomes[row] = outcome
        self._write("ended", row, outcome=outcome.value, reason=why)
        if self._inner:
            self._inner.ended(row, outcome, why)

    def note(self, text: str) -> None:
        """Write a message about the run."""
        self._write("note", text=text)
        if self._inner:
            self._inner.note(text)

    def fetching(self, done: int, total: int) -> None:
        """Write nothing."""
        if self._inner:
            self._inner.fetching(done, total)

    def _write(self, event: str, row: Row | None = None, **values: Any) -> None:
        about = {} if row is None else {self._unit: self._names[row]}
        given = {key: value for key, value in values.items() if value not in ("", None)}
        run = {"run": self._run} if self._run else {}
        head = {"schema": SCHEMA, "time": round(time.time(), 3), "event": event}
        with self._lock, suppress(OSError, ValueError):
            self._file.write(f"{json.dumps({**head, **run, **about, **given})}\n")
            self._file.flush()
