"""The mode `plan`: what a run would do, from a clone without data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from dvc_bridge.app.plan import Plan, plan
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.github_action.checkout_gaps import find_gaps
from dvc_bridge.github_action.document import Block, Table, Text
from dvc_bridge.github_action.inputs import Inputs
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.runner import Annotation, Level, Rule, print_visible
from dvc_bridge.github_action.step_result import StepResult
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.pipeline.stage import DVC_YAML, Stage, lock_file
from dvc_bridge.planning.forecast import RUNNING, Forecast, Verdict
from dvc_bridge.planning.targets import Selection
from dvc_bridge.ui.plan_text import plan_json, plan_text, time_text

# How many reasons of a stage, and how many rows of a comment, are shown outside of a fold.
MOST_REASONS = 5
OPEN_ROWS = 25


def plan_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Plan the stages as if `dvc pull` had brought their data.

    Raises
    ------
    BridgeError
        The project is not valid.
    """
    selection = Selection(inputs.targets, all_pipelines=not inputs.targets)
    planned = plan(selection, RunFlags(), assume_pulled=True, warn=print_visible)
    print_visible(plan_text(planned.forecasts, planned.timeline, planned.division, every=False))
    document = plan_json(planned.forecasts, planned.timeline, planned.division)
    reasons = folder / "reasons.json"
    write_whole(reasons, json.dumps(document, indent=2), folder)
    running = [f for f in planned.forecasts if f.verdict in RUNNING]
    rest = [f for f in planned.forecasts if f.verdict is not Verdict.UP_TO_DATE]
    notes = _notes([f.stage for f in rest])
    for note in notes:
        print_visible(f"warning: {note}")
    return StepResult(
        outputs={
            "stages": str(len(planned.forecasts)),
            "will-run": str(len(running)),
            "changed": "true" if rest else "false",
            "reasons": str(reasons),
            "predicted-seconds": _predicted(planned),
        },
        summary=_with_notes(plan_blocks(planned, every=True), notes),
        comment=_with_notes(plan_blocks(planned, every=False), notes),
        annotations=[
            *(Annotation("dvc-bridge", note, level=Level.WARNING) for note in notes),
            *_annotations(planned.forecasts, positions),
        ],
    )


def _notes(active: Sequence[Stage]) -> list[str]:
    """Return what makes a plan differ from what its reader expects.

    Parameters
    ----------
    active
        The stages that are not up to date.
    """
    project = find_project()
    notes = find_gaps(project, active)
    lock = lock_file(DVC_YAML)
    if (project.root / lock).is_file() and not (project.root / DVC_YAML).exists():
        notes.append(f"there is {lock}, but no {DVC_YAML}: restore {DVC_YAML}, or delete both")
    return notes


def _with_notes(blocks: Sequence[Block], notes: Sequence[str]) -> list[Block]:
    title, *others = blocks
    return [title, *(Text(f"**Warning:** {code(note)}") for note in notes), *others]


def _predicted(planned: Plan) -> str:
    """Return how long the run takes, in seconds; empty if no stage has been timed."""
    if planned.division and planned.division.timed:
        return f"{planned.division.wall_s:.1f}"
    return f"{planned.timeline.path_s:.1f}" if planned.timeline.timed else ""


def _annotations(forecasts: Sequence[Forecast], positions: Positions) -> Iterator[Annotation]:
    """Yield a warning for each stage that cannot run; one that waits for such a stage has none."""
    for forecast in forecasts:
        if forecast.verdict is Verdict.FAILS and not _is_consequence(forecast):
            file, line = positions.of_stage(forecast.stage)
            message = "\n".join(forecast.reasons)
            title = f"stage {forecast.stage.address} cannot run"
            yield Annotation(title, message, file, line, Level.WARNING, Rule.CANNOT_RUN)


def _is_consequence(forecast: Forecast) -> bool:
    return forecast.reasons[:1] != () and forecast.reasons[0].endswith(", which fails")


def plan_blocks(planned: Plan, *, every: bool) -> list[Block]:
    """Return the report of a plan; with `every`, it has the stages that are up to date too."""
    forecasts = planned.forecasts
    names = {f.position: f.stage.address for f in forecasts}
    active = [f for f in forecasts if f.verdict is not Verdict.UP_TO_DATE]
    idle = [f for f in forecasts if f.verdict is Verdict.UP_TO_DATE]
    blocks: list[Block] = [Text(f"### {_title(forecasts)}")]
    head, noun = ("stage", "verdict", "why"), "rows"
    rows = [_row(group, names) for group in _grouped(active)]
    if rows:
        blocks.append(Table(head, rows[:OPEN_ROWS], noun))
    if rows[OPEN_ROWS:]:
        folded = f"{len(rows) - OPEN_ROWS:,} more rows"
        blocks.append(Table(head, rows[OPEN_ROWS:], noun, folded=folded))
    if text := _time(planned):
        blocks.append(Text(text))
    if idle and every:
        folded = f"{_counted(idle)} {_are(idle)} up to date"
        blocks.append(Table(("stage",), [(code(f.stage.address),) for f in idle], noun, folded))
    return blocks


def _title(forecasts: Sequence[Forecast]) -> str:
    running = sum(f.verdict in RUNNING for f in forecasts)
    failing = sum(f.verdict is Verdict.FAILS for f in forecasts)
    cached = sum(f.verdict is Verdict.RUN_CACHE for f in forecasts)
    counts = {"would run": running, "would come from the run cache": cached, "cannot run": failing}
    of_all = f"{len(forecasts):,} {'stage' if len(forecasts) == 1 else 'stages'}"
    parts: list[str] = []
    for what, count in counts.items():
        if count:
            parts.append(f"{count:,} {what}" if parts else f"{count:,} of {of_all} {what}")
    return f"DVC pipeline: {', '.join(parts) or _all_up_to_date(forecasts)}"


def _all_up_to_date(forecasts: Sequence[Forecast]) -> str:
    if not forecasts:
        return "there are no stages"
    if not any(f.stage.name for f in forecasts):
        files = _counted(forecasts)
        return f"there are no stages in dvc.yaml; {files} {_are(forecasts)} up to date"
    if len(forecasts) == 1:
        return "its only stage is up to date"
    return f"all {len(forecasts):,} stages are up to date"


def _counted(forecasts: Sequence[Forecast]) -> str:
    """Return a number of stages or, if none has a command, of .dvc files."""
    has_stages = any(f.stage.name for f in forecasts)
    return counted(len(forecasts), "stage" if has_stages else ".dvc file")


def _are(forecasts: Sequence[Forecast]) -> str:
    return "is" if len(forecasts) == 1 else "are"


def _grouped(forecasts: Sequence[Forecast]) -> list[list[Forecast]]:
    """Put the items of a foreach or matrix together that have the same verdict and reasons."""
    groups: dict[object, list[Forecast]] = {}
    for f in forecasts:
        key = (f.stage.file, f.stage.group, f.verdict, f.reasons, f.waits_for)
        groups.setdefault(key if f.stage.group else f.position, []).append(f)
    return list(groups.values())


def _row(group: Sequence[Forecast], names: dict[StagePosition, str]) -> tuple[str, ...]:
    first = group[0]
    more = f" and {len(group) - 1:,} more" if len(group) > 1 else ""
    reasons = [code(reason) for reason in first.reasons[:MOST_REASONS]]
    if hidden := len(first.reasons) - MOST_REASONS:
        reasons += [counted(hidden, "more reason")] if hidden > 0 else []
    if not reasons and first.waits_for:
        reasons = [f"after {_names([names[p] for p in first.waits_for])}"]
    return code(first.stage.address) + more, first.verdict.value, "<br>".join(reasons)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(code(name) for name in names[:MOST_REASONS])
    more = len(names) - MOST_REASONS
    return f"{shown} and {more:,} more" if more > 0 else shown


def _time(planned: Plan) -> str:
    if not any(f.verdict in RUNNING for f in planned.forecasts):
        return ""
    if seconds := _predicted(planned):
        return f"Predicted: {time_text(float(seconds))}, from how long the stages took before."
    return ""
