"""The modes `run` and `collect`: stages as tasks of an engine, and the results in git."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dvc_bridge.app.collect import collect
from dvc_bridge.app.run_end import RunEnd
from dvc_bridge.app.submit import submit
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.dvcio.reading.pipeline import read_pipeline
from dvc_bridge.errors import BridgeError
from dvc_bridge.git.head import head
from dvc_bridge.git.uncommitted_files import uncommitted
from dvc_bridge.github_action.delivery import (
    branch_name,
    commit_message,
    commit_results,
    github_of,
    open_pull_request,
    push,
)
from dvc_bridge.github_action.document import Block, Table, Text
from dvc_bridge.github_action.inputs import Delivery, Inputs
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.runner import Annotation, Rule, print_visible
from dvc_bridge.github_action.step_result import StepResult
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.planning.targets import Selection
from dvc_bridge.ui.plain_view import PlainView


def run_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Submit the stages; with `wait`, merge and deliver the results.

    Raises
    ------
    BridgeError
        Nothing was started, or the results cannot be delivered.
    """
    del folder
    submitted = submit(
        Selection(inputs.targets, all_pipelines=not inputs.targets),
        engine=inputs.engine or None,
        force=inputs.force,
        watch=(lambda _: PlainView()) if inputs.wait else None,
        report=print_visible,
        warn=print_visible,
    )
    if not submitted.run:
        outputs = {"run": "", "will-run": "0"}
        title = "### No stage needs a task"
        return _delivered(inputs, "results of the run cache", _blocks(title), outputs)
    if submitted.end is None:
        blocks: list[Block] = [
            Text(f"### Run {code(submitted.run)} has started"),
            Text(f"Next: mode {code('collect')} with the input run: {code(submitted.run)}"),
        ]
        return StepResult({"run": submitted.run, "changed": "true"}, blocks)
    return _ended(inputs, submitted.end, positions)


def collect_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Merge and deliver the results of a run that was started before.

    Raises
    ------
    BridgeError
        There is no such run, or the results cannot be delivered.
    """
    del folder
    return _ended(inputs, collect(inputs.run, warn=print_visible), positions)


def _ended(inputs: Inputs, end: RunEnd, positions: Positions) -> StepResult:
    ran = [result for result in end.results.values() if result.outcome is Outcome.RAN]
    outputs = {"run": end.run, "will-run": str(len(ran)), "stages": str(len(end.results))}
    if end.error is None:
        what = f"results of run {end.run}"
        return _delivered(inputs, what, _blocks(_title(end), end), outputs)
    annotations = [
        Annotation(
            f"stage {r.address} failed",
            r.message,
            *positions.of_address(r.address),
            rule=Rule.FAILED,
        )
        for r in end.results.values()
        if r.outcome is Outcome.FAILED
    ]
    blocks = _blocks(_title(end), end)
    outputs["changed"] = "false"
    return _failed(end.error, outputs, blocks, annotations or positions.of_error(end.error))


def _failed(
    error: BridgeError,
    outputs: Mapping[str, str],
    blocks: Sequence[Block],
    annotations: Sequence[Annotation],
) -> StepResult:
    """Return the result for an error that comes after the start of the run."""
    print_visible(f"dvc-bridge: {error}")
    lines = map(Text, map(code, str(error).splitlines()))
    return StepResult(
        outputs, [*blocks, *lines], annotations=annotations, exit_code=error.exit_code
    )


def _title(end: RunEnd) -> str:
    return f"### DVC run {code(end.run)}: {end}"


def _blocks(title: str, end: RunEnd | None = None) -> list[Block]:
    rows = [
        (code(r.address), r.outcome.text, "" if r.seconds is None else f"{r.seconds:.1f} s")
        for r in (end.results.values() if end else ())
    ]
    table = [Table(("stage", "outcome", "time"), rows, "stages")] if rows else []
    return [Text(title), *table]


def _delivered(
    inputs: Inputs, what: str, blocks: Sequence[Block], outputs: Mapping[str, str]
) -> StepResult:
    """Commit what the run has changed, and return the result of the step."""
    project = find_project()
    files = uncommitted(project, read_pipeline(project).stages)
    outputs = {**outputs, "changed": "true" if files else "false"}
    if not files or inputs.delivery is Delivery.WORKSPACE:
        return StepResult(outputs, blocks)
    github = github_of(os.environ, inputs.token)
    is_commit = inputs.delivery is Delivery.COMMIT
    branch = github.branch if is_commit else branch_name(outputs["run"], head(project))
    try:
        commit_results(project, files, commit_message(what, starts_workflow=not is_commit))
        push(project, github, branch)
        if is_commit:
            return StepResult(outputs, [*blocks, Text(f"Committed to {code(branch)}")])
        url = open_pull_request(github, branch, what)
    except BridgeError as error:
        return _failed(error, outputs, blocks, [Annotation("dvc-bridge", str(error))])
    outputs["pull-request"] = url
    return StepResult(outputs, [*blocks, Text(f"Pull request: {code(url)}")])
