"""The inputs of the Action, from environment variables that action.yml sets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TypeVar

from dvc_bridge.errors import UsageError

PREFIX = "DVC_BRIDGE_INPUT_"
_Choice = TypeVar("_Choice", bound=Enum)


class Mode(Enum):
    """What a step does."""

    PLAN = "plan"
    CONVERT = "convert"
    REPRO = "repro"
    REPORT = "report"
    RUN = "run"
    COLLECT = "collect"


class Kind(Enum):
    """What `convert` writes."""

    WORKFLOW = "Workflow"
    TEMPLATE = "WorkflowTemplate"
    CRON = "CronWorkflow"
    SLURM = "slurm"


class Delivery(Enum):
    """Where the results of a run go."""

    PULL_REQUEST = "pull-request"
    COMMIT = "commit"
    WORKSPACE = "workspace"


@dataclass(frozen=True)
class Inputs:
    """The inputs, checked.

    Parameters
    ----------
    folder
        The working directory of the step.
    targets
        The stages; empty: all stages of the project.
    jobs, force, allow_missing, pull
        As the options of `dvc-bridge repro`.
    output, check, kind, schedule, name, revision, repo
        As the options of `dvc-bridge convert`; `check` compares with the file `output`.
    engine
        The engine of `run`; empty: the one in dvc-bridge.yaml.
    wait
        Whether `run` waits until the run has ended.
    run
        The name of the run to collect.
    delivery
        Where the results of `run` and `collect` go.
    token
        The token that pushes the results; empty: the clone has credentials.
    base
        The revision for `report`; empty: that of the event.
    sarif
        The file for the annotations as SARIF, from the working directory; empty: none.
    base_branch
        The base branch of the pull request; empty: the event is no pull request.
    ref
        The git reference of the workflow, such as `refs/heads/main`; empty: unknown.
    """

    mode: Mode
    folder: Path
    targets: tuple[str, ...] = ()
    jobs: int = 1
    force: bool = False
    allow_missing: bool = False
    pull: bool = False
    output: str = ""
    check: bool = False
    kind: Kind = Kind.WORKFLOW
    schedule: str = ""
    name: str = ""
    revision: str = ""
    repo: str = ""
    engine: str = ""
    wait: bool = True
    run: str = ""
    delivery: Delivery = Delivery.PULL_REQUEST
    token: str = field(default="", repr=False)
    base: str = ""
    sarif: str = ""
    base_branch: str = ""
    ref: str = ""


def variable(name: str) -> str:
    """Return the environment variable of an input."""
    return PREFIX + name.upper().replace("-", "_")


def read_inputs(environment: Mapping[str, str]) -> Inputs:
    """Return the inputs of the step.

    Raises
    ------
    UsageError
        A value is invalid; the message has all problems.
    """
    reader = _Reader(environment)
    inputs = Inputs(
        mode=reader.choice("mode", Mode, Mode.PLAN),
        folder=Path(reader.text("working-directory") or "."),
        targets=tuple(line.strip() for line in reader.text("targets").splitlines() if line.strip()),
        jobs=reader.jobs("jobs"),
        force=reader.boolean("force"),
        allow_missing=reader.boolean("allow-missing"),
        pull=reader.boolean("pull"),
        output=reader.text("output"),
        check=reader.boolean("check"),
        kind=reader.choice("kind", Kind, Kind.WORKFLOW),
        schedule=reader.text("schedule"),
        name=reader.text("name"),
        revision=reader.text("revision"),
        repo=reader.text("repo"),
        engine=reader.text("engine"),
        wait=reader.boolean("wait", default=True),
        run=reader.text("run"),
        delivery=reader.choice("result", Delivery, Delivery.PULL_REQUEST),
        token=reader.text("token"),
        base=reader.text("base"),
        sarif=reader.text("sarif"),
        base_branch=environment.get("GITHUB_BASE_REF", ""),
        ref=environment.get("GITHUB_REF", ""),
    )
    if inputs.schedule and inputs.kind is not Kind.CRON:
        reader.problems.append("schedule is only for kind CronWorkflow")
    reader.problems += _problems_of_delivery(inputs)
    if inputs.check and not inputs.output:
        reader.problems.append("check needs output, the path of the committed manifest")
    if reader.problems:
        raise UsageError("\n".join(reader.problems), "correct `with:` of the step (docs/action.md)")
    return inputs


def _problems_of_delivery(inputs: Inputs) -> Iterator[str]:
    """Yield why the results of a run could not be delivered at its end."""
    is_collect = inputs.mode is Mode.COLLECT
    is_run = is_collect or inputs.mode is Mode.RUN
    if inputs.token and not is_run:  # stages that run here could read it
        yield f"token is not for mode {inputs.mode.value}"
    if is_collect and not inputs.run:
        yield "mode collect needs run, the name of the run"
    if not is_run or inputs.delivery is Delivery.WORKSPACE or not (is_collect or inputs.wait):
        return
    if inputs.delivery is Delivery.PULL_REQUEST and not inputs.token:
        yield "result pull-request needs token, such as ${{ github.token }}"
    if inputs.ref and not inputs.ref.startswith("refs/heads/"):  # of a pull request, or a tag
        yield (
            f"result {inputs.delivery.value} needs a branch, and this workflow runs for"
            f" {inputs.ref}: start it by push, schedule or workflow_dispatch, or set result to"
            " workspace"
        )


class _Reader:
    """Reads inputs and collects the problems."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        return self._environment.get(variable(name), "").strip()

    def boolean(self, name: str, *, default: bool = False) -> bool:
        text = self.text(name)
        if text not in ("", "true", "false"):
            self.problems.append(f"{name} is {text!r}, neither true nor false")
        return text == "true" if text else default

    def jobs(self, name: str) -> int:
        """Return a number of jobs; `auto` and no text are one per core."""
        text = self.text(name)
        if text in ("", "auto"):
            return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 10_000):
            self.problems.append(f"{name} is {text!r}, neither auto nor a number from 1")
            return 1
        return int(text)

    def choice(self, name: str, kind: type[_Choice], default: _Choice) -> _Choice:
        text = self.text(name)
        by_value = {item.value: item for item in kind}
        if text in by_value:
            return by_value[text]
        if text:
            self.problems.append(f"{name} is {text!r}, not one of {', '.join(by_value)}")
        return default
