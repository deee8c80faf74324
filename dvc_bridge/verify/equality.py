"""Compare two states of a project.

`dvc-bridge repro` must leave the state that sequential `dvc repro` would have left: dvc.lock and
.gitignore files, the workspace's bytes and modes, the objects in the cache, and whether the run
succeeded. This module defines equality; `project_state` reads the states.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath

SHOWN_LINES = 8


class PathKind(Enum):
    """The kind of entry at a path."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"


@dataclass(frozen=True, slots=True)
class PathState:
    """The state of one path of a project.

    Parameters
    ----------
    kind
        File, folder or symbolic link.
    mode
        Permission bits; 0 for a symbolic link, which has no permissions.
    content
        The md5 of a file or the target of a link; empty for a folder.
    hardlink
        Whether the file has a second hard link, like an out of cache type hardlink.
    text
        The text of dvc.lock, .gitignore and .dvc files, to show different lines.
    """

    kind: PathKind
    mode: int
    content: str
    hardlink: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ProjectState:
    """The state after a run: workspace and cache by path, and whether the run succeeded."""

    workspace: Mapping[str, PathState]
    cache: Mapping[str, PathState] = field(default_factory=dict)
    succeeded: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between two states.

    Parameters
    ----------
    where
        `lock`, `gitignore`, `workspace`, `cache` or `exit code`.
    path
        Relative to the project's root; empty for the exit code.
    what
        The values in both states.
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
    """Return all differences between `expected` and `actual`; empty if they are equal.

    Parameters
    ----------
    expected, actual
        The state that sequential `dvc repro` left, and the state to check.
    names
        The names of the two states in messages.
    """
    result: list[Difference] = []
    if expected.succeeded != actual.succeeded:
        outcomes = ("failed", "succeeded")
        result.append(
            Difference(
                "exit code",
                "",
                f"{names[0]} {outcomes[expected.succeeded]},"
                f" {names[1]} {outcomes[actual.succeeded]}",
            )
        )
    for path, expected_state, actual_state in _unequal_pairs(expected.workspace, actual.workspace):
        result += (
            Difference(_category(path), path, text)
            for text in _describe(expected_state, actual_state, names)
        )
    for path, expected_state, actual_state in _unequal_pairs(expected.cache, actual.cache):
        result += (
            Difference("cache", path, text)
            for text in _describe(expected_state, actual_state, names)
        )
    return result


def without_rolled_back(
    all_differences: list[Difference], expected: ProjectState, actual: ProjectState
) -> list[Difference]:
    """Drop the only intended difference.

    When a stage fails, DVC removes the .gitignore lines that the same run wrote for stages that
    succeeded, and no later run restores them; dvc-bridge keeps them. After a run that failed on
    both sides, a .gitignore of dvc-bridge may have lines that DVC's does not have, but it must
    not lack any.
    """
    if expected.succeeded or actual.succeeded:
        return all_differences
    return [
        difference
        for difference in all_differences
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


def _unequal_pairs(
    one: Mapping[str, PathState], other: Mapping[str, PathState]
) -> Iterator[tuple[str, PathState | None, PathState | None]]:
    for path in sorted(one.keys() | other.keys()):
        if one.get(path) != other.get(path):
            yield path, one.get(path), other.get(path)


def _category(path: str) -> str:
    name = PurePosixPath(path).name
    return {"dvc.lock": "lock", ".gitignore": "gitignore"}.get(name, "workspace")


def _describe(
    one: PathState | None, other: PathState | None, names: tuple[str, str]
) -> Iterator[str]:
    if one is None or other is None:
        has, has_not = names if one else reversed(names)
        kinds = [entry.kind.value for entry in (one, other) if entry]
        yield f"{has} has a {kinds[0]}, {has_not} has none"
        return
    if one.kind is not other.kind:
        yield f"{names[0]} has a {one.kind.value}, {names[1]} a {other.kind.value}"
        return
    if one.mode != other.mode:
        yield f"mode {one.mode:o} with {names[0]}, {other.mode:o} with {names[1]}"
    if one.hardlink != other.hardlink:
        linked, single = names if one.hardlink else reversed(names)
        yield f"{linked} has a hard link, {single} has a separate file"
    if one.content != other.content:
        yield _describe_content(one, other, names)


def _describe_content(one: PathState, other: PathState, names: tuple[str, str]) -> str:
    if one.text is None or other.text is None:
        noun = "target" if one.kind is PathKind.SYMLINK else "md5"
        return f"{noun} {one.content} with {names[0]}, {other.content} with {names[1]}"
    lines = list(
        difflib.unified_diff(
            one.text.splitlines(), other.text.splitlines(), *names, lineterm="", n=1
        )
    )
    hidden = len(lines) - SHOWN_LINES
    tail = [f"... {hidden} more lines"] if hidden > 0 else []
    # Equal lines can still have different line endings, which splitlines() drops.
    return (
        "\n    ".join(["content", *lines[:SHOWN_LINES], *tail])
        if lines
        else "different line endings"
    )
