"""The result of a stage in a pod, which pods exchange through the remote."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from dvc_bridge.errors import VersionMismatchError
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    LockItem,
    Pointer,
    item_path,
    lock_items,
    pointer_of,
)
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.serialize import from_text, to_text
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.pipeline.trace import (
    Execution,
    StageTrace,
    execution_from_plain,
    plain_execution,
    without_command,
)

VERSION = 3
# Version 2 has no `execution`.
READABLE = (2, VERSION)

Modes = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one stage.

    Parameters
    ----------
    address
        The address of the stage from the root.
    outcome
        RAN, RESTORED, UNCHANGED or FAILED: a stage without a result is skipped.
    entry
        The lock entry of the stage; empty if it failed.
    modes
        Out -> path inside it (empty for the out itself) -> mode of a file, for modes that DVC's
        objects do not contain: executable files of folders, and all files of outs that are not
        cached.
    message
        Why the stage failed.
    seconds
        How long its command took; None: no command ran.
    execution
        When and where it ran, and what it used; None: an older version wrote the result.
    """

    address: str
    outcome: Outcome
    entry: LockEntry = field(default_factory=dict)
    modes: Modes = field(default_factory=dict)
    message: str = ""
    seconds: float | None = None
    execution: Execution | None = None

    @property
    def good(self) -> bool:
        """Whether the stages downstream can use it."""
        return self.outcome is not Outcome.FAILED

    def outs(self, stage: Stage) -> dict[str, Pointer]:
        """Return the pointers of the outs by path from the project's root."""
        return {at: pointer_of(item) for at, item in self.out_items(stage).items()}

    def out_items(self, stage: Stage) -> dict[str, LockItem]:
        """Return the outs in the lock entry by path from the project's root."""
        items = {item_path(item): item for item in lock_items(self.entry, "outs")}
        return {out.at: items[out.path] for out in stage.outs if out.path in items}


_FIELDS = tuple(field.name for field in fields(Result))


def result_text(result: Result) -> str:
    """Return a result in the format of the remote."""
    return to_text({"version": VERSION, **plain_result(result)})


def plain_result(result: Result) -> dict[str, Any]:
    """Return a result as a value for `to_text`, with shared containers, which `asdict` copies."""
    values = {name: getattr(result, name) for name in _FIELDS if name != "execution"}
    if result.execution is not None:
        values["execution"] = plain_execution(result.execution)
    return {**values, "outcome": result.outcome.value}


def result_from_plain(value: Mapping[str, Any]) -> Result:
    """Return the result of which `plain_result` returned the value."""
    known = {key: value[key] for key in _FIELDS if key in value}  # newer versions may add keys
    if execution := known.get("execution"):
        known["execution"] = execution_from_plain(execution)
    return Result(**{**known, "outcome": Outcome(value["outcome"])})


def parse_result(text: str | bytes) -> Result:
    """Read a result.

    Raises
    ------
    VersionMismatchError
        Another version of dvc-bridge wrote it.
    """
    value: dict[str, Any] = from_text(text)
    if value.pop("version", None) not in READABLE:
        raise VersionMismatchError(
            "a result was written by another version of dvc-bridge",
            "use the same version here and in the image",
        )
    return result_from_plain(value)


def stage_trace_of(result: Result) -> StageTrace:
    """Return the trace of the stage that a worker or a step brought up to date."""
    changed = result.outcome in (Outcome.RAN, Outcome.RESTORED)
    return StageTrace(
        result.address,
        result.outcome.value,
        reason=result.execution.reason if result.execution else "",
        error=result.message,
        entry=without_command(result.entry) if changed else {},
        execution=result.execution and replace(result.execution, reason=""),
    )


def result_name(stage: Stage) -> str:
    """Return the name of the file that holds the stage's result."""
    return f"{hashlib.sha256(f'{stage.file}:{stage.name}'.encode()).hexdigest()}.json"
