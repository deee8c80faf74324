"""The history of local runs: how long stages took, and what they printed."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.pipeline.ids import file_name


class History:
    """Durations by address, and one log file per stage, in `.dvc/tmp/dvc-bridge`.

    `seconds` holds how long the command of each stage took when it last ran to completion, and
    `overheads`, by engine, how many times the expected overhead the tasks of the last run had.
    """

    def __init__(self, project: Project) -> None:
        self._folder = project.scratch
        self._file = self._folder / "durations.json"
        self.seconds: dict[str, float] = {}
        with suppress(OSError, ValueError):
            self.seconds = dict(json.loads(self._file.read_text(encoding="utf-8")))
        self._overheads_file = self._folder / "overheads.json"
        self.overheads: dict[str, float] = {}
        with suppress(OSError, ValueError):
            self.overheads = dict(json.loads(self._overheads_file.read_text(encoding="utf-8")))
        self._changed = False

    def log(self, address: str) -> Path:
        """Return the file for the output of the stage's command."""
        folder = self._folder / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{file_name(address)}.log"

    def took(self, address: str, seconds: float) -> None:
        """Record how long the stage's command took."""
        self.seconds[address] = round(seconds, 3)
        self._changed = True

    def had_overhead(self, engine: str, factor: float) -> None:
        """Record the overhead of a run's tasks, and write it."""
        self.overheads[engine] = round(factor, 3)
        with suppress(OSError):  # as in `save`
            write_whole(self._overheads_file, json.dumps(self.overheads), self._folder)

    def save(self) -> None:
        """Write the durations, if there are new ones."""
        if self._changed:
            with suppress(OSError):  # a full disk must not fail a finished run
                write_whole(self._file, json.dumps(self.seconds), self._folder)
