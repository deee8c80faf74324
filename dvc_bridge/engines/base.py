"""The interface of engines, which carry out the tasks of remote runs.

An engine is a class with the members of `Engine`. An entry point of the group `dvc_bridge.engines`
names it. `tests/engine_contract.py` has the tests that each of them must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Self

from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.remotes.config import Sections
from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.project_settings import Settings
from dvc_bridge.pipeline.run_status import RunStatus
from dvc_bridge.pipeline.settings_file import FILE
from dvc_bridge.pipeline.shorten import first_names
from dvc_bridge.pipeline.stage import Pipeline
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.grouping.cost_model import Costs
from dvc_bridge.planning.grouping.group_stages import Group
from dvc_bridge.remote_run.worker_contract import WorkerEnvironment

# The data that an engine needs to start a run, as JSON; it is stored in the remote without secrets.
RunRecord = Mapping[str, Any]
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task of a run: a worker that brings some stages up to date.

    Parameters
    ----------
    number
        The number of the task, from 0; a task has a larger number than those that it waits for.
    reference
        The argument of `dvc-bridge worker`.
    stages
        The addresses of the stages, in DVC's order.
    upstream
        The tasks that must have succeeded before it starts.
    after
        The tasks that must have ended before it starts, with or without success.
    """

    number: TaskNumber
    reference: str
    stages: tuple[str, ...]
    upstream: tuple[TaskNumber, ...]
    after: tuple[TaskNumber, ...]
    resources: Resources

    @property
    def timeout_s(self) -> int | None:
        """The time limit in seconds, as if the stages run in sequence; None: no limit."""
        timeout = self.resources.longest_timeout
        return timeout * len(self.stages) if timeout else None

    @property
    def timeouts_s(self) -> tuple[int, ...]:
        """The time limit of each attempt if they differ, as in `timeout_s`."""
        return tuple(timeout * len(self.stages) for timeout in self.resources.timeouts)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that is ready to start: its plan, code and data are in the remote."""

    run: str
    tasks: Sequence[TaskSpec]
    environment: WorkerEnvironment


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a task printed; with `is_note`, a line of the engine about the task."""

    task: TaskNumber
    text: str
    is_note: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check of `dvc-bridge doctor`.

    Parameters
    ----------
    is_ok
        Whether the check passed; None: it cannot be checked.
    fix
        The next step; empty if nothing is wrong.
    """

    subject: str
    is_ok: bool | None
    message: str
    fix: str = ""


class Engine(Protocol):
    """Carries out the tasks of remote runs.

    Every method may raise a `BridgeError` that says what went wrong and what to do.

    Parameters
    ----------
    limits_memory
        Whether a task that needs more memory than its settings name is ended.
    raises_memory
        Whether an attempt after one that needed more memory gets the next of several values; if
        not, all attempts get the largest.
    """

    name: str
    limits_memory: bool
    raises_memory: bool

    @classmethod
    def connect(cls, project: Project, settings: Settings) -> Self:
        """Return the engine that the project's settings name, or refuse incomplete settings."""
        ...

    @classmethod
    def costs(cls, settings: Settings) -> Costs:
        """Return the costs and limits of tasks, by which stages are grouped."""
        ...

    @classmethod
    def doctor(cls, project: Project, settings: Settings) -> Iterator[Finding]:
        """Check everything that a run needs; do not start one."""
        ...

    @classmethod
    def store_settings(
        cls, config: Mapping[str, Any], remotes: Collection[str], settings: Settings
    ) -> Sections:
        """Return the settings by which workers reach DVC remotes, without secrets.

        Raises
        ------
        UsageError
            Workers would not get the credentials of a remote.
        """
        ...

    @classmethod
    def credentials(cls, settings: Settings) -> str:
        """Return where workers get credentials from, as a clause of a sentence."""
        ...

    @classmethod
    def prepare(cls) -> AbstractContextManager[object]:
        """Return a context for a submit, in which slow preparations may run in the background."""
        ...

    def check_stages(self, stages: Sequence[str]) -> None:
        """Refuse stages that lack what the engine needs, such as an image."""
        ...

    def identity(self) -> dict[str, str | None]:
        """Return the identity of this installation of the engine: see `is_same_place`."""
        ...

    def record(self, request: RunRequest) -> RunRecord:
        """Return the checked input of `start`; this sends nothing.

        Raises
        ------
        UsageError
            The engine would refuse it.
        """
        ...

    def start(self, record: RunRecord) -> str:
        """Start a run and return the name of this attempt, for `watch`."""
        ...

    def resume(self, run: str, record: RunRecord, tasks: Collection[TaskNumber]) -> RunRecord:
        """Return the record of a new attempt for those tasks of a run that are not done."""
        ...

    def watch(self, attempt: str) -> Iterator[RunStatus]:
        """Yield the status now and after each change, until the attempt has ended."""
        ...

    def status(self, run: str) -> RunStatus:
        """Return the status of a run, all attempts as one.

        Raises
        ------
        UsageError
            The engine has no such run.
        """
        ...

    def runs(self) -> list[RunStatus]:
        """Return all runs, the oldest first."""
        ...

    def attempts(self, run: str) -> Sequence[RunStatus]:
        """Return the attempts of a run, the oldest first; none if the engine has forgotten it."""
        ...

    def logs(
        self, run: str, tasks: Collection[TaskNumber] | None, *, follow: bool
    ) -> Iterator[LogLine]:
        """Yield what tasks printed (None: all of them); with `follow`, until the run ends."""
        ...

    def stop(self, run: str) -> bool:
        """Stop a run and return whether it was still running."""
        ...

    def forget(self, is_over: Callable[[str], bool]) -> None:
        """Remove data that the engine keeps for runs that no longer need it."""
        ...


def task_specs(
    pipeline: Pipeline, groups: Sequence[Group], references: Sequence[str]
) -> tuple[TaskSpec, ...]:
    """Return the tasks of groups of stages, each with its worker's reference."""
    return tuple(
        TaskSpec(
            group.number,
            reference,
            tuple(pipeline.stages[position].address for position in group.positions),
            group.needs,
            group.after,
            group.pod,
        )
        for group, reference in zip(groups, references, strict=True)
    )


def refuse_pod_settings(settings: Settings, stages: Sequence[str], tasks: str) -> None:
    """Refuse settings of pods that change what a command sees, for engines without pods.

    Parameters
    ----------
    tasks
        What the engine calls its tasks, in the plural.

    Raises
    ------
    UsageError
        Some stages have such settings; others, such as labels, have no effect.
    """
    found: dict[str, list[str]] = {}
    for address in stages:
        pod = settings.pod(address).pod
        for key in ("env", "env_from", "secret_files", "volumes"):
            if getattr(pod, key):
                found.setdefault(key, []).append(address)
    if found:
        lines = [f"{tasks} have no {key}: {first_names(a, _SHOWN)}" for key, a in found.items()]
        raise UsageError(
            "\n".join(lines), f"remove it from stages in {FILE}, or use the engine argo"
        )


def is_same_place(one: Mapping[str, str | None], other: Mapping[str, str | None]) -> bool:
    """Return whether two identities name one namespace of one installation."""
    if one.get("engine", "argo") != other.get("engine", "argo"):
        return False
    key = "uid" if one.get("uid") and other.get("uid") else "host"
    return one.get("namespace") == other.get("namespace") and one.get(key) == other.get(key)
