"""The mode `repro`: run the stages on the runner."""

from __future__ import annotations

from pathlib import Path

from dvc_bridge.app.repro import repro
from dvc_bridge.dvcio.dvc_version import check_version
from dvc_bridge.github_action.document import Block, Table, Text
from dvc_bridge.github_action.inputs import Inputs
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.runner import Annotation, Rule
from dvc_bridge.github_action.step_result import StepResult
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.run_summary import Summary
from dvc_bridge.planning.targets import Selection
from dvc_bridge.ui.plain_view import PlainView

_SHOWN = (Outcome.FAILED, Outcome.SKIPPED, Outcome.RAN, Outcome.RESTORED)


def repro_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Run the stages in parallel; the results stay in the workspace.

    Raises
    ------
    BridgeError
        The project cannot run; no command was started.
    """
    del folder
    check_version()
    flags = RunFlags(
        jobs=inputs.jobs,
        force=inputs.force,
        allow_missing=inputs.allow_missing,
        pull=inputs.pull,
    )
    selection = Selection(inputs.targets, all_pipelines=not inputs.targets)
    summary = repro(selection, flags, PlainView())
    print(summary)
    annotations = [
        Annotation(
            f"stage {address} failed",
            str(error),
            *positions.of_address(address),
            rule=Rule.FAILED,
        )
        for address, error in summary.errors.items()
    ]
    is_changed = bool(summary.of(Outcome.RAN) or summary.of(Outcome.RESTORED))
    code_of_errors = max((error.exit_code for error in summary.errors.values()), default=0)
    return StepResult(
        outputs={
            "stages": str(len(summary.outcomes)),
            "will-run": str(len(summary.of(Outcome.RAN))),
            "changed": "true" if is_changed else "false",
        },
        summary=outcome_blocks(summary),
        annotations=annotations,
        exit_code=128 + summary.interrupted if summary.interrupted else code_of_errors,
    )


def outcome_blocks(summary: Summary) -> list[Block]:
    """Return the report of a run that has ended."""
    blocks: list[Block] = [Text(f"### DVC pipeline: {summary}")]
    rows = [
        (code(address), outcome.text, _error(summary, address))
        for outcome in _SHOWN
        for address in summary.of(outcome)
    ]
    if rows:
        blocks.append(Table(("stage", "outcome", "error"), rows, "rows"))
    return blocks


def _error(summary: Summary, address: str) -> str:
    error = summary.errors.get(address)
    return "" if error is None else code(error.message)
