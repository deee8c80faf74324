"""Stage results -> dvc.lock: entries in DVC's order, each file whole or not at all.

DVC reads and writes the whole file again after every stage; here a run's entries are put in as
blocks of text, which gives the same bytes where the file is as DVC writes it, and by DVC's own
writer where it is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from itertools import takewhile
from typing import Any

from dvc_bridge.dvcio.emit import named_entry_text
from dvc_bridge.dvcio.files import write_whole
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.unfinished import Unfinished
from dvc_bridge.dvcio.yaml12 import parse
from dvc_bridge.plan.pipeline import LockEntry

HEAD = "schema: '2.0'\nstages:\n"


class LockFiles:
    """The dvc.lock files of a run, as they were at its start plus what has been recorded.

    Parameters
    ----------
    unfinished
        Keeps which entries are new, for the run after a killed one to bring into order.
    """

    def __init__(self, project: Project, unfinished: Unfinished | None = None) -> None:
        self._root = project.root
        self._unfinished = unfinished
        self._left: dict[str, dict[str, int]] = {}  # by file and name: places in the killed run too
        for file, place, name in unfinished.lines() if unfinished else ():
            self._left.setdefault(file, {})[name] = place
        self._memory = project.scratch / "locks.json"
        self._recorded: dict[str, dict[int, tuple[str, LockEntry]]] = {}
        self._base: dict[str, str] = {}
        self._dirty: set[str] = set()

    def record(self, position: int, dvc_yaml: str, name: str, entry: LockEntry) -> None:
        """Take a stage's entry, to be written by the next `flush`."""
        file = f"{dvc_yaml.removesuffix('.yaml')}.lock"
        if file not in self._base:
            path = self._root / file
            self._base[file] = path.read_text(encoding="utf-8") if path.exists() else ""
        self._recorded.setdefault(file, {})[position] = (name, entry)
        self._dirty.add(file)

    def flush(self) -> list[str]:
        """Write every file that has new entries; give their paths from the root."""
        written = sorted(self._dirty)
        for file in written:
            base = self._base[file]
            blocks = self._blocks(base, file)
            if blocks is None:
                text = _merged_as_dvc(base, file, sorted(self._recorded[file].items()))
            else:
                text = HEAD + "".join(self._merged(blocks, file))
            write_whole(self._root / file, text, self._memory.parent)
            self._remember(text)
        self._dirty.clear()
        return written

    def _merged(self, blocks: dict[str, str], file: str) -> Iterable[str]:
        """Put what was recorded into the blocks: new entries last, in order."""
        new: dict[int, tuple[str, str]] = {}
        left = self._left.setdefault(file, {})
        # What stands below an entry that no killed run has made, somebody else has put in order.
        for name in list(takewhile(left.__contains__, reversed(blocks))):
            new[left[name]] = name, blocks.pop(name)
        for place, (name, entry) in self._recorded[file].items():
            text = named_entry_text(name, entry)
            if name in blocks:
                blocks[name] = text
            else:
                new[place] = name, text
        if self._unfinished:
            fresh = {name: place for place, (name, _) in new.items() if name not in left}
            self._unfinished.note(file, [(place, name) for name, place in fresh.items()])
            left.update(fresh)
        return [*blocks.values(), *(new[place][1] for place in sorted(new))]

    def _blocks(self, text: str, file: str) -> dict[str, str] | None:
        """Cut the text into the entries of its stages; None where it is not as DVC writes it."""
        if not text:
            return {}
        if not text.startswith(HEAD) or not text.endswith("\n"):
            return None
        entries = parse(text, file)["stages"]
        blocks: list[list[str]] = []
        for line in text.removeprefix(HEAD).splitlines(keepends=True):
            if line[:2] != "  ":
                return None
            if line[2] not in " -":
                blocks.append([])
            if not blocks:
                return None
            blocks[-1].append(line)
        if not isinstance(entries, dict) or len(blocks) != len(entries):
            return None
        named = {name: "".join(b) for name, b in zip(entries, blocks, strict=True)}
        return named if self._is_known(text) or _as_written(entries, named) else None

    def _is_known(self, text: str) -> bool:
        with suppress(OSError, ValueError):
            return _digest(text) in json.loads(self._memory.read_text(encoding="utf-8"))
        return False

    def _remember(self, text: str) -> None:
        known: list[str] = []
        with suppress(OSError, ValueError):
            known = list(json.loads(self._memory.read_text(encoding="utf-8")))[-99:]
        with suppress(OSError):
            write_whole(self._memory, json.dumps([*known, _digest(text)]), self._memory.parent)


def _as_written(entries: Mapping[str, LockEntry], blocks: Mapping[str, str]) -> bool:
    return all(named_entry_text(name, entry) == blocks[name] for name, entry in entries.items())


def _digest(text: str) -> str:
    # Releases of ruamel.yaml fold long lines at different places.
    return hashlib.sha256(f"{version('ruamel.yaml')} {text}".encode()).hexdigest()


def _merged_as_dvc(
    base: str, file: str, entries: Sequence[tuple[int, tuple[str, LockEntry]]]
) -> str:
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second
    from dvc.utils.serialize._yaml import parse_yaml_for_update  # noqa: PLC0415

    data: Any = parse_yaml_for_update(base, file) or {"schema": "2.0"}
    stages = data.setdefault("stages", {})
    for _, (name, entry) in entries:
        stages[name] = entry
    return str(dumps_yaml(data))
