"""The history of local runs: how long stages took, and what they printed."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.pipeline.ids import file_name
from dvc_bridge.pipeline.trace import Usage

if TYPE_CHECKING:
    from dvc_bridge.local.memory_history import MemoryHistory
    from dvc_bridge.planning.grouping.cost_model import Costs  # only remote runs have them

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
    def _overheads(self) -> dict[str, float]:
        return _read_numbers(self._folder / _OVERHEADS)

    def costs_of_last_run(self, engine: str, costs: Costs) -> Costs:
        """Return the costs of an engine as they were in its last run.

        Parameters
        ----------
        costs
            What the engine expects; it stands for what no run has measured.
        """
        last = costs.with_overhead(self._overheads.get(engine, 1.0))
        return replace(last, wave_s=self._overheads.get(f"{engine} wave_s", costs.wave_s))

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

    def keep_costs(self, engine: str, factor: float | None, wave_s: float | None) -> None:
        """Record the costs of a run, and write them.

        Parameters
        ----------
        factor
            How many times the expected overhead its tasks had; None: unknown.
        wave_s
            How long a slot stayed free between two tasks; None: no task waited for a slot.
        """
        found = {engine: factor, f"{engine} wave_s": wave_s}
        new = {name: round(value, 3) for name, value in found.items() if value is not None}
        if not new:
            return
        self._overheads.update(new)
        with suppress(OSError):  # as in `save`
            write_whole(self._folder / _OVERHEADS, json.dumps(self._overheads), self._folder)

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
