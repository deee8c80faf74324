"""Two states of a project -> the list of what differs between them.

The contract of `dvc-bridge repro` is the state that sequential `dvc repro` would have left:
dvc.lock and .gitignore files, the workspace's bytes and modes, the objects in the cache, and
whether the run succeeded. Here is what "the same" means; `run.state` reads the states.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath

SHOWN_LINES = 8


class PathKind(Enum):
    """What stands at a path."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"


@dataclass(frozen=True, slots=True)
class PathState:
    """One path of a project.

    Parameters
    ----------
    kind
        File, folder or symbolic link.
    mode
        Permission bits; 0 for a symbolic link, which has none of its own.
    content
        The md5 of a file, the target of a link, empty for a folder.
    hardlink
        Whether the file has a second name, as an out of cache type hardlink has.
    text
        The text of dvc.lock, .gitignore and .dvc files, to show the lines that differ.
    """

    kind: PathKind
    mode: int
    content: str
    hardlink: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectState:
    """What a run left behind: workspace and cache by path, and whether the run succeeded."""

    workspace: Mapping[str, PathState]
    cache: Mapping[str, PathState] = field(default_factory=dict)
    succeeded: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two states are not the same.

    Parameters
    ----------
    where
        `lock`, `gitignore`, `workspace`, `cache` or `exit code`.
    path
        Relative to the project's root; empty for the exit code.
    what
        What the one has and what the other has.
    """

    where: str
    path: str
    what: str

    def __str__(self) -> str:
        head = f"{self.where}: {self.path}" if self.path else self.where
        return f"{head}: {self.what}"


def differences(
    expected: ProjectState, actual: ProjectState, names: tuple[str, str] = ("dvc", "dvc-bridge")
) -> list[Difference]:
    """List everything in which `actual` is not `expected`; an empty list means equal.

    Parameters
    ----------
    expected, actual
        The state that sequential `dvc repro` left, and the one to judge.
    names
        What to call the two in the messages.
    """
    found: list[Difference] = []
    if expected.succeeded != actual.succeeded:
        ends = ("failed", "succeeded")
        found.append(
            Difference(
                "exit code",
                "",
                f"{names[0]} {ends[expected.succeeded]}, {names[1]} {ends[actual.succeeded]}",
            )
        )
    for path, one, other in _pairs(expected.workspace, actual.workspace):
        found += (Difference(_where(path), path, w) for w in _unlike(one, other, names))
    for path, one, other in _pairs(expected.cache, actual.cache):
        found += (Difference("cache", path, w) for w in _unlike(one, other, names))
    return found


def without_rolled_back(
    found: list[Difference], expected: ProjectState, actual: ProjectState
) -> list[Difference]:
    """Drop the one difference that is intended.

    When a stage fails, DVC takes back the .gitignore lines that the same run wrote for stages
    that succeeded, and no later run restores them; ours keeps them. So after a run that failed
    on both sides, a .gitignore of ours may have lines that DVC's has not; it may lack none.
    """
    if expected.succeeded or actual.succeeded:
        return found
    return [
        difference
        for difference in found
        if difference.where != "gitignore"
        or not _has_all_lines(
            expected.workspace.get(difference.path), actual.workspace.get(difference.path)
        )
    ]


def _has_all_lines(expected: PathState | None, actual: PathState | None) -> bool:
    if actual is None or actual.text is None:
        return False
    lines = iter(actual.text.splitlines())
    return all(line in lines for line in ((expected and expected.text) or "").splitlines())


def _pairs(
    one: Mapping[str, PathState], other: Mapping[str, PathState]
) -> Iterator[tuple[str, PathState | None, PathState | None]]:
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) != other.get(path):
            yield path, one.get(path), other.get(path)


def _where(path: str) -> str:
    name = PurePosixPath(path).name
    return {"dvc.lock": "lock", ".gitignore": "gitignore"}.get(name, "workspace")


def _unlike(
    one: PathState | None, other: PathState | None, names: tuple[str, str]
) -> Iterator[str]:
    if one is None or other is None:
        has, has_not = names if one else reversed(names)
        kinds = [entry.kind.value for entry in (one, other) if entry]
        yield f"{has} has a {kinds[0]}, {has_not} has nothing"
        return
    if one.kind is not other.kind:
        yield f"{names[0]} has a {one.kind.value}, {names[1]} a {other.kind.value}"
        return
    if one.mode != other.mode:
        yield f"mode {one.mode:o} with {names[0]}, {other.mode:o} with {names[1]}"
    if one.hardlink != other.hardlink:
        linked, single = names if one.hardlink else reversed(names)
        yield f"{linked} has a hard link, {single} a file of its own"
    if one.content != other.content:
        yield _unlike_content(one, other, names)


def _unlike_content(one: PathState, other: PathState, names: tuple[str, str]) -> str:
    if one.text is None or other.text is None:
        noun = "target" if one.kind is PathKind.SYMLINK else "md5"
        return f"{noun} {one.content} with {names[0]}, {other.content} with {names[1]}"
    lines = list(
        difflib.unified_diff(
            one.text.splitlines(), other.text.splitlines(), *names, lineterm="", n=1
        )
    )
    more = len(lines) - SHOWN_LINES
    tail = [f"... {more} more lines"] if more > 0 else []
    # Equal lines can still differ in their ends, which splitlines() drops.
    return "\n    ".join(["content", *lines[:SHOWN_LINES], *tail]) if lines else "line ends"
