"""The memory that earlier runs of stages used, in `.dvc/tmp/dvc-bridge/memory.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.pipeline.auto_memory import SeenMemory

FILE = "memory.json"
_MOST_BYTES = 2**63


class MemoryHistory:
    """What earlier runs used, by address; the file is read when something is asked or saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new: dict[str, SeenMemory] = {}

    @cached_property
    def _saved(self) -> dict[str, SeenMemory]:
        with suppress(OSError):
            return parse_seen((self._folder / FILE).read_bytes())
        return {}

    @property
    def seen(self) -> dict[str, SeenMemory]:
        """What was seen of each stage."""
        return merge_seen(self._saved, self._new)

    def add(self, address: str, seen: SeenMemory) -> None:
        """Add what a run of a stage used."""
        self._new[address] = self._new.get(address, SeenMemory()) | seen

    def add_peak(self, address: str, peak_bytes: int) -> None:
        """Add the peak memory of a run of a stage that succeeded."""
        self.add(address, SeenMemory((peak_bytes,)))

    def save(self) -> None:
        """Write the file, if there is something new."""
        if not self._new or (seen := self.seen) == self._saved:
            return
        with suppress(OSError):  # a full disk must not fail a finished run
            write_whole(self._folder / FILE, seen_text(seen), self._folder)


def merge_seen(
    older: Mapping[str, SeenMemory], newer: Mapping[str, SeenMemory]
) -> dict[str, SeenMemory]:
    """Return what was seen of each stage in both."""
    return {**older, **{a: older.get(a, SeenMemory()) | seen for a, seen in newer.items()}}


def seen_text(seen: Mapping[str, SeenMemory]) -> str:
    """Return what was seen as JSON."""
    plain = {a: {"peaks": one.peaks, "killed": one.killed_bytes} for a, one in seen.items()}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True)


def parse_seen(text: bytes) -> dict[str, SeenMemory]:
    """Return what `seen_text` wrote; nothing if it cannot be read."""
    with suppress(ValueError, TypeError, AttributeError, RecursionError):
        content: Mapping[str, Mapping[str, Any]] = json.loads(text)
        return {
            address: SeenMemory(
                tuple(map(_size, one.get("peaks", ()))), _size(one.get("killed", 0))
            )
            for address, one in content.items()
        }
    return {}


def _size(value: Any) -> int:
    """Return a number of bytes; raises ValueError if it is none."""
    if not isinstance(value, int | float) or not 0 <= value < _MOST_BYTES:
        raise ValueError(value)
    return int(value)
