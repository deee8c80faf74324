"""Stage results -> dvc.lock: entries in DVC's order, each file whole or not at all.

DVC reads and writes the whole file again after every stage. Here a new entry is put into it as a
block of text, which gives the same bytes where the file is as DVC writes it; by DVC's own writer
where it is not. As with DVC, what others have done to the file meanwhile stays.
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
from dvc_bridge.pipeline.stage import LockEntry, lock_file

HEAD = "schema: '2.0'\nstages:\n"
_STAGES = "\nstages:\n"
_ANCHOR = re.compile(r"(?<=: |- )([&*])id(\d{3,})$", re.MULTILINE)


@dataclass
class _File:
    """One dvc.lock.

    Parameters
    ----------
    signature
        Of the file as it was read or written last; None: there was none.
    text
        What it holds.
    blocks
        Its entries as text, by name; None where it is not as DVC writes it.
    head, tail
        What stands before and after them.
    anchors
        Whether one of them has YAML anchors, which are numbered through the file.
    new
        Entries that this run, or a killed one that it goes on from, has added: name -> place.
    last
        The last of these places.
    unwritten
        What is to be written, by place: name and entry.
    """

    signature: Signature | None = None
    text: str = ""
    blocks: dict[str, str] | None = field(default_factory=dict)
    head: str = HEAD
    tail: str = ""
    anchors: bool = False
    new: dict[str, int] = field(default_factory=dict)
    last: int = -1
    unwritten: dict[int, tuple[str, LockEntry]] = field(default_factory=dict)


class LockFiles:
    """The dvc.lock files of a run.

    Parameters
    ----------
    unfinished
        Keeps which entries are new, for the run after a killed one to bring into order.
    """

    def __init__(self, project: Project, unfinished: RecoveryLog | None = None) -> None:
        self._root = project.root
        self._unfinished = unfinished
        self._memory = project.scratch / "locks.json"
        self._files: dict[str, _File] = {}
        self._dirty: set[str] = set()
        self._written: set[str] = set()
        for file, place, name in unfinished.lines() if unfinished else ():
            known = self._file(file)
            known.new[name], known.last = place, max(known.last, place)

    @property
    def size(self) -> int:
        """How many characters are to be written."""
        return sum(len(self._files[name].text) for name in self._dirty)

    def record(self, place: int, dvc_yaml: str, name: str, entry: LockEntry) -> None:
        """Take a stage's entry, to be written by the next `write`."""
        file = lock_file(dvc_yaml)
        self._file(file).unwritten[place] = (name, entry)
        self._dirty.add(file)

    def write(self, *, durable: bool = True) -> None:
        """Write every file that has new entries.

        Parameters
        ----------
        durable
            Whether they must survive a power cut.
        """
        for name in sorted(self._dirty):
            file, path = self._files[name], self._root / name
            if file.signature is None or file.signature != _signature(path):
                file.text = text_of(path, name) if path.exists() else ""
                self._cut(file, name)
            if file.blocks is not None:
                self._merge(file, file.blocks, name)
                blocks: Iterable[str] = file.blocks.values()
                if file.anchors:
                    blocks = _numbered(blocks)
                file.text = "".join((file.head, *blocks, file.tail))
            else:
                file.text = _merged_as_dvc(file.text, name, file.unwritten)
                self._cut(file, name)
            write_whole(path, file.text, self._memory.parent, durable=durable)
            file.signature = _signature(path)
            file.unwritten.clear()
            self._dirty.discard(name)
            self._written.add(name)

    def close(self) -> list[str]:
        """Write what is left; give the paths of all files that were written, from the root."""
        self.write()
        self._remember([self._files[name].text for name in sorted(self._written)])
        return sorted(self._written)

    def _file(self, name: str) -> _File:
        return self._files.setdefault(name, _File())

    def _merge(self, file: _File, blocks: dict[str, str], name: str) -> None:
        """Put what was recorded into the blocks: new entries last, in the order of the run."""
        fresh = {n: p for p, (n, _) in file.unwritten.items() if n not in blocks}
        if self._unfinished and fresh:
            self._unfinished.note(name, [(place, key) for key, place in fresh.items()])
        for _, (entry_name, entry) in sorted(file.unwritten.items()):
            text = blocks[entry_name] = named_entry_text(entry_name, entry)
            file.anchors = file.anchors or "&id" in text
        in_order = min(fresh.values(), default=0) > file.last or not file.new
        file.last = max(file.last, *fresh.values(), -1)
        file.new.update(fresh)
        if fresh and not in_order:
            # What stands below an entry that no run of ours has made is in somebody else's order.
            tail = list(takewhile(file.new.__contains__, reversed(blocks)))
            for key in sorted(tail, key=file.new.__getitem__):
                blocks[key] = blocks.pop(key)

    def _cut(self, file: _File, name: str) -> None:
        """Cut a file's text into the entries of its stages, if it is as DVC writes it."""
        file.blocks, file.head, file.tail = {}, HEAD, ""
        file.anchors = "&id" in file.text
        if not file.text:
            return
        head, found, rest = f"\n{file.text}".partition(_STAGES)
        blocks: list[list[str]] = []
        lines = rest.splitlines(keepends=True)
        inside = list(takewhile(lambda line: line[:2] == "  ", lines))
        for line in inside:
            if line[2] not in " -":
                blocks.append([])
            elif not blocks:
                break
            blocks[-1].append(line)
        file.head, file.tail = (head + found)[1:], "".join(lines[len(inside) :])
        file.blocks = self._named(file, blocks, name) if found and file.text[-1] == "\n" else None

    def _named(self, file: _File, blocks: list[list[str]], name: str) -> dict[str, str] | None:
        entries = parse(file.text, name)["stages"]
        if not isinstance(entries, dict) or len(blocks) != len(entries):
            return None
        named = {key: "".join(lines) for key, lines in zip(entries, blocks, strict=True)}
        if self._is_known(file.text) or _as_written(entries, named, file.head, file.tail):
            return named
        return None

    def _is_known(self, text: str) -> bool:
        with suppress(OSError, ValueError):
            return _digest(text) in json.loads(self._memory.read_text(encoding="utf-8"))
        return False

    def _remember(self, texts: list[str]) -> None:
        if not texts:
            return
        known: list[str] = []
        with suppress(OSError, ValueError):
            known = list(json.loads(self._memory.read_text(encoding="utf-8")))
        known = [*known, *map(_digest, texts)][-100:]
        with suppress(OSError):
            write_whole(self._memory, json.dumps(known), self._memory.parent)


def _signature(path: Path) -> Signature | None:
    try:
        return signature_of(path.stat())
    except OSError:
        return None


def _as_written(
    entries: Mapping[str, LockEntry], blocks: Mapping[str, str], head: str, tail: str
) -> bool:
    texts = _numbered(named_entry_text(name, entry) for name, entry in entries.items())
    same = all(text == block for text, block in zip(texts, blocks.values(), strict=True))
    return same and (
        (head, tail) == (HEAD, "") or _is_stable(head.removesuffix(_STAGES[1:]) + tail)
    )


def _is_stable(text: str) -> bool:
    """Whether DVC writes the same again; comments it moves about with the entries."""
    if "#" in text:
        return False
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second
    from dvc.utils.serialize._yaml import parse_yaml_for_update  # noqa: PLC0415

    return bool(dumps_yaml(parse_yaml_for_update(text, "dvc.lock")) == text)


def _numbered(blocks: Iterable[str]) -> Iterator[str]:
    """Number the anchors of entries, each of which begins with 1, as in one document."""
    last = 0
    for block in blocks:
        numbers: dict[str, int] = {}
        for sign, number in _ANCHOR.findall(block) if "&id" in block else ():
            if sign == "&" and number not in numbers:
                numbers[number] = last + len(numbers) + 1
        text = _ANCHOR.sub(partial(_renumbered, numbers), block) if numbers else block
        if text != block and parse(text, "") != parse(block, ""):
            text = block  # it was in a text, such as a command
        else:
            last += len(numbers)
        yield text


def _renumbered(numbers: Mapping[str, int], match: re.Match[str]) -> str:
    number = numbers.get(match[2])
    return match[0] if number is None else f"{match[1]}id{number:03}"


def _digest(text: str) -> str:
    # Releases of ruamel.yaml fold long lines at different places.
    return hashlib.sha256(f"{version('ruamel.yaml')} {text}".encode()).hexdigest()


def _merged_as_dvc(base: str, file: str, entries: Mapping[int, tuple[str, LockEntry]]) -> str:
    from dvc.utils.serialize import dumps_yaml  # noqa: PLC0415  half a second
    from dvc.utils.serialize._yaml import parse_yaml_for_update  # noqa: PLC0415

    data: Any = parse_yaml_for_update(base, file) or {"schema": "2.0"}
    stages = data.setdefault("stages", {})
    for _, (name, entry) in sorted(entries.items()):
        stages[name] = entry
    return str(dumps_yaml(data))
