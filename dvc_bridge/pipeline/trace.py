"""The trace of a run: for each stage, what became of it and why, when, and what it used.

Times are seconds since 1970 in UTC, sizes are bytes. `trace.schema.json` in `dvc_bridge/report`
describes the JSON form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from dvc_bridge.errors import VersionMismatchError
from dvc_bridge.pipeline.lock_entry import LockEntry

if TYPE_CHECKING:  # for the annotation of a function that only some runs call
    from dvc_bridge.pipeline.task_settings import Resources

SCHEMA = 1

Requests = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the commands of a stage used: each shell, and the processes that it waited for.

    Parameters
    ----------
    user_s, system_s
        CPU seconds.
    peak_bytes
        The peak memory of the largest process.
    is_upper_limit
        Whether the peak may be smaller: Linux counts the memory of the process that starts a
        command as the command's own until the command exceeds it.
    read_bytes, written_bytes
        What the processes read from and wrote to storage, without what the page cache served.
    """

    user_s: float
    system_s: float
    peak_bytes: int
    is_upper_limit: bool = False
    read_bytes: int = 0
    written_bytes: int = 0

    @property
    def cpu_s(self) -> float:
        """The CPU seconds of user and system."""
        return self.user_s + self.system_s

    def __add__(self, other: Usage) -> Usage:
        """Return the usage of two commands that ran one after the other."""
        largest = max(self, other, key=lambda usage: usage.peak_bytes)
        return Usage(
            round(self.user_s + other.user_s, 6),
            round(self.system_s + other.system_s, 6),
            largest.peak_bytes,
            largest.is_upper_limit,
            self.read_bytes + other.read_bytes,
            self.written_bytes + other.written_bytes,
        )


@dataclass(frozen=True, slots=True)
class Execution:
    """How one machine brought a stage up to date.

    Parameters
    ----------
    started, ended
        When the decision about the stage began, and when its outcome was recorded.
    command_started, command_ended
        None: no command ran, or it has not ended.
    exit_code
        That of the last command; negative: the signal that ended it.
    node
        The name of the machine.
    attempt
        The number, from 1, of the engine's attempt in which it was; None: unknown, or no engine.
    pulled_bytes, pushed_bytes
        The bytes of objects that were transferred from and to DVC remotes.
    """

    started: float
    ended: float | None = None
    command_started: float | None = None
    command_ended: float | None = None
    exit_code: int | None = None
    usage: Usage | None = None
    reason: str = ""
    node: str = ""
    pulled_bytes: int = 0
    pushed_bytes: int = 0
    attempt: int | None = None

    @property
    def command_s(self) -> float | None:
        """How long the commands took; None: no command ran to its end."""
        if self.command_started is None or self.command_ended is None:
            return None
        return self.command_ended - self.command_started


@dataclass(frozen=True, slots=True)
class StageTrace:
    """One stage of a run.

    Parameters
    ----------
    outcome
        The value of an `Outcome`; `running` or `waiting` for a run that was killed or goes on.
    waits_for
        The places, in the trace, of the stages that must end before it starts.
    queued
        When it could have started: the end of the last stage that it waits for.
    reason
        Why it ran or did not.
    error
        Why it failed.
    log
        The file with the output of its commands, from the project's root.
    task
        The number of the task that ran it in a remote run.
    attempts
        How often the engine started its task.
    retry_reasons
        Why each of these attempts but the last ended; an empty text: unknown.
    requests
        The resources that the last attempt requested for it.
    killed_bytes
        The largest memory at which an attempt was killed because it needed more; 0: none was.
    entry
        Its dvc.lock entry, if this run recorded it.
    """

    address: str
    outcome: str = "waiting"
    waits_for: tuple[int, ...] = ()
    queued: float | None = None
    reason: str = ""
    error: str = ""
    log: str = ""
    task: int | None = None
    attempts: int = 0
    retry_reasons: tuple[str, ...] = ()
    requests: Requests = field(default_factory=dict)
    killed_bytes: int = 0
    entry: LockEntry = field(default_factory=dict)
    execution: Execution | None = None


@dataclass(frozen=True, slots=True)
class RunTrace:
    """A run.

    Parameters
    ----------
    run
        Its name, unique within the project.
    engine
        `local`, `metaflow`, or the name of an engine.
    ended
        None: the run goes on or was killed.
    jobs
        How many stages or tasks may run at a time.
    revision
        The git commit at the start; empty if there is none.
    interrupted
        The signal that ended the run early; 0 if none did.
    predicted_s
        How long the run should have taken, from the durations known at its start; None: unknown.
    """

    run: str
    engine: str
    started: float
    ended: float | None = None
    jobs: int = 1
    node: str = ""
    cpus: int = 0
    revision: str = ""
    interrupted: int = 0
    predicted_s: float | None = None
    stages: tuple[StageTrace, ...] = ()

    def with_stages(self, stages: Sequence[StageTrace]) -> RunTrace:
        """Return the run with these stages."""
        return replace(self, stages=tuple(stages))


def requests_of(resources: Resources) -> Requests:
    """Return what the settings of a stage request."""
    wanted = {"cpu": resources.cpu, "memory": resources.memory, "gpu": resources.gpu}
    return {name: value for name, value in wanted.items() if value}


def without_command(entry: LockEntry) -> LockEntry:
    """Return what a stage read and wrote; its command is in dvc.yaml."""
    return {key: entry[key] for key in ("deps", "params", "outs") if entry.get(key)}


def plain_execution(execution: Execution) -> dict[str, Any]:
    """Return an execution as a value for JSON, without what is empty."""
    values = {name: getattr(execution, name) for name in _EXECUTION_FIELDS}
    if execution.usage is not None:
        values["usage"] = {name: getattr(execution.usage, name) for name in _USAGE_FIELDS}
    return _without_empty(values)


def execution_from_plain(value: Mapping[str, Any]) -> Execution:
    """Return the execution of which `plain_execution` returned the value."""
    usage = value.get("usage")
    known = _known(Execution, value)
    return Execution(**{**known, "usage": Usage(**_known(Usage, usage)) if usage else None})


def plain_stage_trace(stage: StageTrace) -> dict[str, Any]:
    """Return a stage as a value for JSON, without what is empty."""
    values = {name: getattr(stage, name) for name in _STAGE_FIELDS}
    if stage.execution is not None:
        values["execution"] = plain_execution(stage.execution)
    return _without_empty(values)


def stage_trace_from_plain(value: Mapping[str, Any]) -> StageTrace:
    """Return the stage of which `plain_stage_trace` returned the value."""
    known = _known(StageTrace, value)
    if execution := known.get("execution"):
        known["execution"] = execution_from_plain(execution)
    for name in ("waits_for", "retry_reasons"):
        known[name] = tuple(known.get(name, ()))
    return StageTrace(**known)


def plain_trace(trace: RunTrace) -> dict[str, Any]:
    """Return a trace as a value for JSON."""
    values = {name: getattr(trace, name) for name in _RUN_FIELDS}
    stages = [plain_stage_trace(stage) for stage in trace.stages]
    return {"schema": SCHEMA, **_without_empty(values), "stages": stages}


def trace_from_plain(value: Mapping[str, Any]) -> RunTrace:
    """Return the trace of which `plain_trace` returned the value.

    Raises
    ------
    VersionMismatchError
        A newer version of dvc-bridge wrote it in a form that this version cannot read.
    """
    check_schema(value.get("schema", 0))
    stages = tuple(map(stage_trace_from_plain, value["stages"]))
    return RunTrace(**{**_known(RunTrace, value), "stages": stages})


def check_schema(schema: int) -> None:
    """Check that this version can read a trace; raises the same error as `trace_from_plain`."""
    if schema > SCHEMA:
        raise VersionMismatchError(
            f"the trace has schema {schema}, but this dvc-bridge reads schema {SCHEMA}",
            "use the version of dvc-bridge that wrote it",
        )


_USAGE_FIELDS = tuple(f.name for f in fields(Usage))
_EXECUTION_FIELDS = tuple(f.name for f in fields(Execution) if f.name != "usage")
_STAGE_FIELDS = tuple(f.name for f in fields(StageTrace) if f.name != "execution")
_RUN_FIELDS = tuple(f.name for f in fields(RunTrace) if f.name != "stages")


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without those that say nothing."""
    return {key: v for key, v in values.items() if v not in _EMPTY}


_EMPTY: tuple[Any, ...] = (None, "", (), {})


def _known(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a class: newer versions may add keys."""
    names = {field.name for field in fields(kind)}
    return {key: value for key, value in values.items() if key in names}
