"""Write stage results to dvc.lock: entries in DVC's order, each file atomically.

DVC reads and writes the whole file after every stage. This module inserts a new entry as a block of
text. If the file is as DVC writes it, the result has the same bytes; otherwise, DVC's own writer
adds the entry. As with DVC, changes that other processes make in the meantime are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.hashes import Signature, signature_of
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.reading.yaml12 import parse, text_of
from dvc_bridge.dvcio.recording.lock_yaml import named_entry_text
from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.pipeline.stage import lock_file

HEAD = "schema: '2.0'\nstages:\n"
_STAGES = "\nstages:\n"
# The index before that of every stage.
_BEFORE_ALL = RunIndex(-1)
_ANCHOR = re.compile(r"(?<=: |- )([&*])id(\d{3,})$", re.MULTILINE)
# Writing a dvc.lock of this size takes a millisecond: too long to do for each of thousands of
# stages.
SMALL_BYTES = 1 << 18
# A larger dvc.lock is written at most this long after a stage was recorded.
PUBLISH_S = 0.5


def write_due_s(size: int, elapsed_s: float) -> float:
    """Return in how many seconds dvc.lock is due to be written.

    Parameters
    ----------
    size
        Its size in bytes.
    elapsed_s
        The seconds since a stage was recorded that it lacks.
    """
    return 0.0 if size < SMALL_BYTES else max(0.0, PUBLISH_S - elapsed_s)


@dataclass
class _File:
    """One dvc.lock.

    Parameters
    ----------
    signature
        The signature of the file as last read or written; None if there was no file.
    text
        The content of the file.
    blocks
        The text of each entry, by name; None if the file is not as DVC writes it.
    head, tail
        The text before and after the entries.
    anchors
        Whether an entry has YAML anchors, whose numbers continue through the file.
    new
        Entries added by this run, or by the killed run that it continues: name -> index.
    last
        The highest of these indexes.
    unwritten
        Entries to write: index -> (name, entry).
    """

    signature: Signature | None = None
    text: str = ""
    blocks: dict[str, str] | None = field(default_factory=dict)
    head: str = HEAD
    tail: str = ""
    anchors: bool = False
    new: dict[str, RunIndex] = field(default_factory=dict)
    last: RunIndex = _BEFORE_ALL
    unwritten: dict[RunIndex, tuple[str, LockEntry]] = field(default_factory=dict)


class LockFiles:
    """The dvc.lock files of a run.

    Parameters
    ----------
    recovery_log
        Logs which entries are new, so that the run after a killed run can order its own.
    """

    def __init__(self, project: Project, recovery_log: RecoveryLog | None = None) -> None:
        self._root = project.root
        self._recovery_log = recovery_log
        self._digests_file = project.scratch / "locks.json"
        self._files: dict[str, _File] = {}
        self._dirty: set[str] = set()
        self._written: set[str] = set()
        for path, index, name in recovery_log.lines() if recovery_log else ():
            file = self._file(path)
            file.new[name], file.last = index, max(file.last, index)

    @property
    def size(self) -> int:
        """The number of characters in the files that have unwritten entries."""
        return sum(len(self._files[name].text) for name in self._dirty)

    def record(self, index: RunIndex, dvc_yaml: str, name: str, entry: LockEntry) -> None:
        """Add a stage's entry; the next `write` writes it."""
        file = lock_file(dvc_yaml)
        self._file(file).unwritten[index] = (name, entry)
        self._dirty.add(file)

    def write(self, *, durable: bool = True) -> None:
        """Write every file that has new entries.

        Parameters
        ----------
        durable
            Whether the files must survive a power failure.
        """
        for name in sorted(self._dirty):
            file, path = self._files[name], self._root / name
            if file.signature is None or file.signature != _signature(path):
                file.text = text_of(path, name) if path.exists() else ""
                self._split(file, name)
            if file.blocks is not None:
                self._merge(file, file.blocks, name)
                blocks: Iterable[str] = file.blocks.values()
                if file.anchors:
                    blocks = _renumber_anchors(blocks)
                file.text = "".join((file.head, *blocks, file.tail))
            else:
                file.text = _merge_with_dvc(file.text, name, file.unwritten)
                self._split(file, name)
            write_whole(path, file.text, self._digests_file.parent, durable=durable)
            file.signature = _signature(path)
            file.unwritten.clear()
            self._dirty.discard(name)
            self._written.add(name)

    def close(self) -> list[str]:
        """Write the remaining entries; return the paths of all written files, from the root."""
        self.write()
        self._save_digests([self._files[name].text for name in sorted(self._written)])
        return sorted(self._written)

    def _file(self, name: str) -> _File:
        return self._files.setdefault(name, _File())

    def _merge(self, file: _File, blocks: dict[str, str], name: str) -> None:
        """Put the unwritten entries into the blocks: new entries last, in the order of the run."""
        added = {key: index for index, (key, _) in file.unwritten.items() if key not in blocks}
        if self._recovery_log and added:
            self._recovery_log.note(name, [(index, key) for key, index in added.items()])
        for _, (entry_name, entry) in sorted(file.unwritten.items()):
            text = blocks[entry_name] = named_entry_text(entry_name, entry)
            file.anchors = file.anchors or "&id" in text
        in_order = min(added.values(), default=0) > file.last or not file.new
        file.last = max(file.last, *added.values(), _BEFORE_ALL)
        file.new.update(added)
        if added and not in_order:
            # Reorder only the entries at the end of the file that our runs have added: another
            # process decided on the order above them.
            tail = list(takewhile(file.new.__contains__, reversed(blocks)))
            for key in sorted(tail, key=file.new.__getitem__):
                blocks[key] = blocks.pop(key)

    def _split(self, file: _File, name: str) -> None:
        """Split a file's text into the entries of its stages, if it is as DVC writes it."""
        file.blocks, file.head, file.tail = {}, HEAD, ""
        file.anchors = "&id" in file.text
        if not file.text:
            return
        head, key, rest = f"\n{file.text}".partition(_STAGES)
        blocks: list[list[str]] = []
        lines = rest.splitlines(keepends=True)
        indented = list(takewhile(lambda line: line[:2] == "  ", lines))
        for line in indented:
            if line[2] not in " -":
                blocks.append([])
            elif not blocks:
                break
            blocks[-1].append(line)
        file.head, file.tail = (head + key)[1:], "".join(lines[len(indented) :])
        is_complete = key and file.text[-1] == "\n"
        file.blocks = self._name_blocks(file, blocks, name) if is_complete else None

    def _name_blocks(
        self, file: _File, blocks: list[list[str]], name: str
    ) -> dict[str, str] | None:
        """Return the blocks by entry name; None if the file is not as DVC writes it."""
        entries = parse(file.text, name)["stages"]
        if not isinstance(entries, dict) or len(blocks) != len(entries):
            return None
        by_name = {key: "".join(lines) for key, lines in zip(entries, blocks, strict=True)}
        if "#" in file.head + file.tail:
            return None  # a comment: DVC moves and drops it together with an entry
        if self._has_digest(file.text) or _is_as_dvc_writes(entries, by_name, file.head, file.tail):
            return by_name
        return None

    def _has_digest(self, text: str) -> bool:
        """Return whether an earlier run wrote this text."""
        with suppress(OSError, ValueError, TypeError):
            return _digest(text) in json.loads(self._digests_file.read_text(encoding="utf-8"))
        return False

    def _save_digests(self, texts: list[str]) -> None:
        if not texts:
            return
        digests: list[str] = []
        with suppress(OSError, ValueError, TypeError):
            digests = list(json.loads(self._digests_file.read_text(encoding="utf-8")))
        digests = [*digests, *map(_digest, texts)][-100:]
        with suppress(OSError):
            write_whole(self._digests_file, json.dumps(digests), self._digests_file.parent)


def _signature(path: Path) -> Signature | None:
    try:
        return signature_of(path.stat())
    except OSError:
        return None


def _is_as_dvc_writes(
    entries: Mapping[str, LockEntry], blocks: Mapping[str, str], head: str, tail: str
) -> bool:
    texts = _renumber_anchors(named_entry_text(name, entry) for name, entry in entries.items())
    same = all(text == block for text, block in zip(texts, blocks.values(), strict=True))
    return same and (
        (head, tail) == (HEAD, "") or _is_stable(head.removesuffix(_STAGES[1:]) + tail)
    )


def _is_stable(text: str) -> bool:
    """Return whether DVC writes the text unchanged."""
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second
    from dvc.utils.serialize._yaml import parse_yaml_for_update  # noqa: PLC0415

    return bool(dumps_yaml(parse_yaml_for_update(text, "dvc.lock")) == text)


def _renumber_anchors(blocks: Iterable[str]) -> Iterator[str]:
    """Number the anchors of all entries as in one document; within each entry they begin with 1."""
    last = 0
    for block in blocks:
        numbers: dict[str, int] = {}
        for sign, number in _ANCHOR.findall(block) if "&id" in block else ():
            if sign == "&" and number not in numbers:
                numbers[number] = last + len(numbers) + 1
        text = _ANCHOR.sub(partial(_renumber, numbers), block) if numbers else block
        if text != block and parse(text, "") != parse(block, ""):
            text = block  # the match was part of a string, such as a command
        else:
            last += len(numbers)
        yield text


def _renumber(numbers: Mapping[str, int], match: re.Match[str]) -> str:
    number = numbers.get(match[2])
    return match[0] if number is None else f"{match[1]}id{number:03}"


def _digest(text: str) -> str:
    # Releases of ruamel.yaml fold long lines at different positions.
    return hashlib.sha256(f"{version('ruamel.yaml')} {text}".encode()).hexdigest()


def _merge_with_dvc(base: str, file: str, entries: Mapping[RunIndex, tuple[str, LockEntry]]) -> str:
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second
    from dvc.utils.serialize._yaml import parse_yaml_for_update  # noqa: PLC0415

    data: Any = parse_yaml_for_update(base, file) or {"schema": "2.0"}
    stages = data.setdefault("stages", {})
    for _, (name, entry) in sorted(entries.items()):
        stages[name] = entry
    return str(dumps_yaml(data))
