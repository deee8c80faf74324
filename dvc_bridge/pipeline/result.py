"""What became of a stage in a pod: the value that pods leave in the remote for each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from dvc_bridge.errors import VersionMismatchError
from dvc_bridge.pipeline.serialize import from_text, to_text
from dvc_bridge.pipeline.stage import LockEntry, Pointer, Stage

VERSION = 2

Modes = Mapping[str, Mapping[str, int]]

RAN, RESTORED, UNCHANGED, FAILED = "ran", "run cache", "up to date", "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one stage.

    Parameters
    ----------
    address
        Of the stage, as seen from the root.
    outcome
        RAN, RESTORED (the run cache had it), UNCHANGED or FAILED.
    entry
        What dvc.lock says of it; empty where it has failed.
    modes
        Out -> path inside (empty for the out itself) -> mode of a file, where DVC's objects do
        not say it: files of folders that may be executed, and all of outs that are not cached.
    message
        Why it has failed.
    seconds
        How long its command took; None: none has run.
    """

    address: str
    outcome: str
    entry: LockEntry = field(default_factory=dict)
    modes: Modes = field(default_factory=dict)
    message: str = ""
    seconds: float | None = None

    @property
    def good(self) -> bool:
        """Whether others can go on from it."""
        return self.outcome != FAILED

    def outs(self, stage: Stage) -> dict[str, Pointer]:
        """Return what its outs are, by their place in the project."""
        known = {item["path"]: item for item in self.entry.get("outs") or ()}
        return {out.at: known[out.path] for out in stage.outs if out.path in known}


def result_text(result: Result) -> str:
    """Return a result as it stands in the remote."""
    return to_text({"version": VERSION, **plain_result(result)})


def plain_result(result: Result) -> dict[str, Any]:
    """Return a result as a value for `to_text`; `dataclasses.asdict` would part what is one."""
    return {field.name: getattr(result, field.name) for field in fields(result)}


def parse_result(text: str | bytes) -> Result:
    """Read a result.

    Raises
    ------
    VersionMismatchError
        Another version of dvc-bridge has written it.
    """
    value: dict[str, Any] = from_text(text)
    if value.pop("version", None) != VERSION:
        raise VersionMismatchError(
            "a result was written by another version of dvc-bridge",
            "use the same version here and in the image",
        )
    return Result(**value)


def result_name(stage: Stage) -> str:
    """Return the name of the file that holds the stage's result."""
    return f"{hashlib.sha256(f'{stage.file}:{stage.name}'.encode()).hexdigest()}.json"
