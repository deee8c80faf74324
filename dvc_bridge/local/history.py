"""The history of local runs: how long stages took, and what they printed."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.pipeline.ids import file_name
from dvc_bridge.pipeline.trace import Usage

if TYPE_CHECKING:
    from dvc_bridge.local.memory_history import MemoryHistory

_OVERHEADS = "overheads.json"
# Of numbers that are kept: no run takes a million years.
_MOST = 3e13


class History:
    """Durations by address, and one log file per stage, in `.dvc/tmp/dvc-bridge`.

    `seconds` holds how long the command of each stage took when it last ran to completion.
    """

    def __init__(self, project: Project) -> None:
        self._folder = project.scratch
        self._file = self._folder / "durations.json"
        self.seconds = _read_numbers(self._file)
        self._changed = False
        self._memory: MemoryHistory | None = None

    @property
    def memory(self) -> MemoryHistory:
        """What earlier commands used."""
        if self._memory is None:
            from dvc_bridge.local.memory_history import (  # noqa: PLC0415  not without commands
                MemoryHistory,
            )

            self._memory = MemoryHistory(self._folder)
        return self._memory

    @cached_property
    def overheads(self) -> dict[str, float]:
        """By engine, how many times the expected overhead the tasks of the last run had."""
        return _read_numbers(self._folder / _OVERHEADS)

    def log(self, address: str) -> Path:
        """Return the file for the output of the stage's command."""
        folder = self._folder / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{file_name(address)}.log"

    def took(self, address: str, seconds: float, usage: Usage | None = None) -> None:
        """Record how long the stage's command took, and what it used if that is known."""
        self.seconds[address] = round(seconds, 3)
        self._changed = True
        if usage is not None:
            self.memory.add_peak(address, usage.peak_bytes)

    def had_overhead(self, engine: str, factor: float) -> None:
        """Record the overhead of a run's tasks, and write it."""
        self.overheads[engine] = round(factor, 3)
        with suppress(OSError):  # as in `save`
            write_whole(self._folder / _OVERHEADS, json.dumps(self.overheads), self._folder)

    def save(self) -> None:
        """Write the durations and peaks, if there are new ones."""
        if self._memory is not None:
            self._memory.save()
        if self._changed:
            with suppress(OSError):  # a full disk must not fail a finished run
                write_whole(self._file, json.dumps(self.seconds), self._folder)


def _read_numbers(file: Path) -> dict[str, float]:
    """Return a file's numbers by name; none if it cannot be read."""
    with suppress(OSError, ValueError, RecursionError, AttributeError):
        items = json.loads(file.read_text(encoding="utf-8")).items()
        return {n: v for n, v in items if isinstance(v, int | float) and 0 <= v < _MOST}
    return {}
