"""Write .gitignore lines in the order of a sequential `dvc repro`, whichever stage ends first."""

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
from dvc_bridge.pipeline.numbering import RunIndex

Signature = tuple[int, int, int] | None


def _signature(path: str) -> Signature:
    try:
        stat = os.stat(path)  # noqa: PTH116  DVC passes strings
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _lines(path: str) -> list[str]:
    # Keep line ends and bytes that are not UTF-8.
    with Path(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.readlines()


def _write(path: str, lines: Iterable[str]) -> None:
    # Write in place, as DVC does, so that a link remains a link.
    text = "".join(lines)
    Path(path).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


@dataclass
class _File:
    """One .gitignore as last read, and the lines that this run has added.

    Parameters
    ----------
    is_plain
        Whether a line in the file certainly takes effect. It does not if the file is a symbolic
        link, which git does not read, or has a negated pattern, because the last match wins.
    own
        (index of the stage, number of the line, line) for each line that this run has added.
    """

    signature: Signature = None
    lines: set[str] = field(default_factory=set)
    is_plain: bool = True
    own: list[tuple[RunIndex, int, str]] = field(default_factory=list)


class GitignoreFiles:
    """Replaces `ignore` and `is_tracked` of DVC's git object during a run.

    `index` is the index of the stage whose outs are being recorded. A new line goes above the
    lines of stages that come later in DVC's order but ended earlier, in this run or in a killed run
    that it continues.
    """

    def __init__(self, git: Git, recovery_log: RecoveryLog | None) -> None:
        self._git, self._recovery_log = git, recovery_log
        self._files: dict[str, _File] = {}
        self._signatures: dict[str, Signature] = {}
        self._index: tuple[Signature, set[str]] | None = None
        self._count = 0
        self.index = RunIndex(0)
        for gitignore, index, line in recovery_log.lines() if recovery_log else ():
            self._count += 1
            self._own_lines(gitignore).append((index, self._count, line))

    def ignore(self, path: str) -> str | None:
        """Ignore `path` as `Git.ignore` does; return the changed .gitignore, or None."""
        entry, gitignore = self._git._get_gitignore(path)
        line = f"{GitWildMatchPattern.escape(entry)}\n"
        file = self._file(gitignore)
        if line in file.lines and file.is_plain and entry == entry.rstrip():
            return None
        self._reset_if_changed(path)
        if self._git.is_ignored(path):
            return None
        self._insert(gitignore, file, entry, line)
        return str(gitignore)

    @property
    def count(self) -> int:
        """The number of lines written so far: a mark for `take_back`."""
        return self._count

    def take_back(self, mark: int) -> list[str]:
        """Remove the lines written since a mark; return the files that are removed with them."""
        removed = []
        for gitignore, file in self._files.items():
            lines = {own[2] for own in file.own if own[1] > mark}
            if not lines or not os.path.lexists(gitignore):
                continue
            file.own = [own for own in file.own if own[1] <= mark]
            remaining = _lines(gitignore)
            for line in lines:
                if line in remaining:
                    remaining.remove(line)
            if remaining:
                _write(gitignore, remaining)
            else:
                os.unlink(gitignore)  # noqa: PTH108  DVC passes strings
                removed.append(gitignore)
            self._read(gitignore, file)
        self._git._reset()
        return removed

    def is_tracked(self, path: str) -> bool:
        """Return what `Git.is_tracked` returns, but read git's index only if it changes."""
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

    def _own_lines(self, gitignore: str) -> list[tuple[RunIndex, int, str]]:
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

    def _reset_if_changed(self, path: str) -> None:
        """Drop the patterns that dulwich has cached if a .gitignore above `path` has changed."""
        folder, root = os.path.dirname(path), self._git.root_dir  # noqa: PTH120  DVC passes strings
        is_stale = False
        while len(folder) >= len(root):
            gitignore = os.path.join(folder, ".gitignore")  # noqa: PTH118  DVC passes strings
            signature = _signature(gitignore)
            if self._signatures.setdefault(gitignore, signature) != signature:
                self._signatures[gitignore] = signature
                is_stale = True
            folder = os.path.dirname(folder)  # noqa: PTH120  DVC passes strings
        if is_stale:
            self._git._reset()

    def _insert(self, gitignore: str, file: _File, entry: str, line: str) -> None:
        self._count += 1
        own = (self.index, self._count, line)
        if self._recovery_log:
            self._recovery_log.note(gitignore, [(self.index, line)])
        later = {other[2] for other in file.own if other > own}
        if later:
            lines = _lines(gitignore)
            last_indexes = {text: index for index, text in enumerate(lines) if text in later}
            lines.insert(min(last_indexes.values(), default=len(lines)), line)
            _write(gitignore, lines)
        else:
            try:
                self._git._add_entry_to_gitignore(entry, gitignore)
            except UnicodeDecodeError as exc:
                raise UsageError(
                    f"the last line of {gitignore} is not UTF-8", "save it as UTF-8"
                ) from exc
        file.own.append(own)
        # The line is a literal path, so dulwich's cached patterns stay valid for other paths.
        previous = file.signature
        file.lines.add(line)
        file.signature = _signature(gitignore)
        if self._signatures.get(gitignore) == previous:
            self._signatures[gitignore] = file.signature


@contextmanager
def ordered_ignores(repo: Any, recovery_log: RecoveryLog | None) -> Iterator[GitignoreFiles | None]:
    """Replace `ignore` and `is_tracked` of the repository's git object; yield None without git."""
    git = repo.scm
    if not isinstance(git, Git):
        yield None
        return
    ignores = GitignoreFiles(git, recovery_log)
    git._reset()
    git.ignore = ignores.ignore
    git.is_tracked = ignores.is_tracked
    try:
        yield ignores
    finally:
        del git.ignore, git.is_tracked
