"""dvc-bridge.yaml: what a run should know of stages that dvc.yaml does not say.

    stages:
      "train@*":
        mutex: gpu          # of the stages with this word, one runs at a time

Keys are globs over addresses. It is a file of its own so that dvc.yaml and its hashes stay as
they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from dvc_bridge.errors import UsageError

FILE = "dvc-bridge.yaml"
KEYS = ("mutex",)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a project.

    Parameters
    ----------
    mutexes
        Word -> the globs of the stages of which one runs at a time.
    """

    mutexes: Mapping[str, tuple[str, ...]]

    def mutex_groups(self, addresses: Iterable[str]) -> tuple[frozenset[str], ...]:
        """Give the groups of stages that keep out of each other's way, by address."""
        known = list(addresses)
        groups = (
            frozenset(a for a in known if any(fnmatchcase(a, glob) for glob in globs))
            for globs in self.mutexes.values()
        )
        return tuple(group for group in groups if len(group) > 1)

    def check(self, addresses: Iterable[str]) -> None:
        """See that every glob names a stage of the project, or its mutex would hold nobody.

        Raises
        ------
        UsageError
            One does not.
        """
        known = list(addresses)
        lost = [
            f"{FILE}: stages.{glob} names no stage{_meant(glob, known)}"
            for glob in dict.fromkeys(glob for globs in self.mutexes.values() for glob in globs)
            if not any(fnmatchcase(address, glob) for address in known)
        ]
        if lost:
            raise UsageError("\n".join(lost), "dvc stage list --all names them all")


def settings_of(content: Any) -> Settings:
    """Read the settings.

    Raises
    ------
    UsageError
        Keys that mean nothing, or values of the wrong type; all of them in one message.
    """
    problems: list[str] = []
    mutexes: dict[str, list[str]] = {}
    stages = _mapping(content, "", ("stages",), problems).get("stages", {})
    for glob, values in _mapping(stages, "stages", None, problems).items():
        words = _mapping(values, f"stages.{glob}", KEYS, problems).get("mutex", [])
        words = [words] if isinstance(words, str) else words
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            problems.append(f"stages.{glob}.mutex must be a word or a list of words")
            continue
        for word in words:
            mutexes.setdefault(word, []).append(str(glob))
    if problems:
        raise UsageError("\n".join(f"{FILE}: {p}" for p in problems), f"mend {FILE}")
    return Settings({word: tuple(globs) for word, globs in mutexes.items()})


def _mapping(
    value: Any, where: str, keys: tuple[str, ...] | None, problems: list[str]
) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(f"{where or 'the file'} must be a mapping, not {type(value).__name__}")
        return {}
    if keys is not None:
        for key in [key for key in value if key not in keys]:
            hint = _meant(key, keys) or f"; known here: {', '.join(keys)}"
            problems.append(f"{where}.{key}".lstrip(".") + f" means nothing{hint}")
    return value


def _meant(word: Any, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
