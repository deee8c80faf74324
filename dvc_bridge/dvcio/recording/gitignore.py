"""Lines in .gitignore as sequential `dvc repro` would have left them, whoever ends first."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scmrepo.git import Git, GitWildMatchPattern

from dvc_bridge.dvcio.recovery import RecoveryLog
from dvc_bridge.errors import UsageError

Signature = tuple[int, int, int] | None


def _signature(path: str) -> Signature:
    try:
        stat = os.stat(path)  # noqa: PTH116  DVC hands strings
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _lines(path: str) -> list[str]:
    # Line ends, and bytes that are not UTF-8, stay as they are.
    with Path(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.readlines()


def _write(path: str, lines: Iterable[str]) -> None:
    # In place, as DVC does: a link stays a link.
    text = "".join(lines)
    Path(path).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


@dataclass
class _File:
    """One .gitignore as last seen, and the lines that this run put there.

    Parameters
    ----------
    is_plain
        Whether a line in it ignores what it says: git reads no links, and of two patterns the last
        one wins, which may be a negation.
    """

    signature: Signature = None
    lines: set[str] = field(default_factory=set)
    is_plain: bool = True
    own: list[tuple[int, int, str]] = field(default_factory=list)


class GitignoreFiles:
    """Stands in for the ignoring half of DVC's git object during a run.

    `position` is the stage whose outs are being recorded. Lines of stages that come later in
    DVC's order but have ended earlier stay below, also those of a run that was killed.
    """

    def __init__(self, git: Git, unfinished: RecoveryLog | None) -> None:
        self._git, self._unfinished = git, unfinished
        self._files: dict[str, _File] = {}
        self._seen: dict[str, Signature] = {}
        self._index: tuple[Signature, set[str]] | None = None
        self._count = 0
        self.position = 0
        for gitignore, place, line in unfinished.lines() if unfinished else ():
            self._count += 1
            self._own(gitignore).append((place, self._count, line))

    def ignore(self, path: str) -> str | None:
        """Like `Git.ignore`: the .gitignore that got a line for `path`, or None."""
        entry, gitignore = self._git._get_gitignore(path)
        line = f"{GitWildMatchPattern.escape(entry)}\n"
        file = self._file(gitignore)
        if line in file.lines and file.is_plain and entry == entry.rstrip():
            return None
        self._forget_stale(path)
        if self._git.is_ignored(path):
            return None
        self._insert(gitignore, file, entry, line)
        return str(gitignore)

    @property
    def count(self) -> int:
        """How many lines have been written, a mark for `take_back`."""
        return self._count

    def take_back(self, mark: int) -> list[str]:
        """Remove the lines written since a mark; give the files that are gone with them."""
        gone = []
        for gitignore, file in self._files.items():
            lines = {own[2] for own in file.own if own[1] > mark}
            if not lines or not os.path.lexists(gitignore):
                continue
            file.own = [own for own in file.own if own[1] <= mark]
            left = _lines(gitignore)
            for line in lines:
                if line in left:
                    left.remove(line)
            if left:
                _write(gitignore, left)
            else:
                os.unlink(gitignore)  # noqa: PTH108  DVC hands strings
                gone.append(gitignore)
            self._read(gitignore, file)
        self._git._reset()
        return gone

    def is_tracked(self, path: str) -> bool:
        """Like `Git.is_tracked`, with git's index read once instead of once per out."""
        repo = self._git.dulwich.repo
        signature = _signature(repo.index_path())
        if self._index is None or self._index[0] != signature:
            tracked: set[str] = set()
            for raw in repo.open_index():
                name = os.fsdecode(raw)
                while name and name not in tracked:
                    tracked.add(name)
                    name = name.rpartition("/")[0]
            self._index = (signature, tracked)
        return os.path.relpath(path, self._git.root_dir) in self._index[1]

    def _own(self, gitignore: str) -> list[tuple[int, int, str]]:
        return self._files.setdefault(gitignore, _File()).own

    def _file(self, gitignore: str) -> _File:
        file = self._files.setdefault(gitignore, _File())
        signature = _signature(gitignore)
        if signature != file.signature:
            self._read(gitignore, file)
        return file

    @staticmethod
    def _read(gitignore: str, file: _File) -> None:
        file.signature = _signature(gitignore)
        file.lines = set(_lines(gitignore)) if file.signature else set()
        negated = any(line.startswith("!") for line in file.lines)
        file.is_plain = not negated and not os.path.islink(gitignore)  # noqa: PTH114  as above

    def _forget_stale(self, path: str) -> None:
        """Dulwich keeps the patterns that it has read: drop them when a file has changed."""
        folder, root = os.path.dirname(path), self._git.root_dir  # noqa: PTH120  DVC hands strings
        stale = False
        while len(folder) >= len(root):
            gitignore = os.path.join(folder, ".gitignore")  # noqa: PTH118  DVC hands strings
            signature = _signature(gitignore)
            if self._seen.setdefault(gitignore, signature) != signature:
                self._seen[gitignore] = signature
                stale = True
            folder = os.path.dirname(folder)  # noqa: PTH120  DVC hands strings
        if stale:
            self._git._reset()

    def _insert(self, gitignore: str, file: _File, entry: str, line: str) -> None:
        self._count += 1
        mark = (self.position, self._count, line)
        if self._unfinished:
            self._unfinished.note(gitignore, [(self.position, line)])
        later = {own[2] for own in file.own if own > mark}
        if later:
            lines = _lines(gitignore)
            last = {old: i for i, old in enumerate(lines) if old in later}
            at = min(last.values(), default=len(lines))
            lines.insert(at, line)
            _write(gitignore, lines)
        else:
            try:
                self._git._add_entry_to_gitignore(entry, gitignore)
            except UnicodeDecodeError as exc:
                raise UsageError(f"{gitignore} does not end in UTF-8", "save it as UTF-8") from exc
        file.own.append(mark)
        # The line is a literal path: what dulwich has cached for other paths stays true.
        before = file.signature
        file.lines.add(line)
        file.signature = _signature(gitignore)
        if self._seen.get(gitignore) == before:
            self._seen[gitignore] = file.signature


@contextmanager
def ordered_ignores(repo: Any, unfinished: RecoveryLog | None) -> Iterator[GitignoreFiles | None]:
    """Replace `ignore` and `is_tracked` of the repository's git object; None without git."""
    git = repo.scm
    if not isinstance(git, Git):
        yield None
        return
    ignores = GitignoreFiles(git, unfinished)
    git._reset()
    git.ignore = ignores.ignore
    git.is_tracked = ignores.is_tracked
    try:
        yield ignores
    finally:
        del git.ignore, git.is_tracked
