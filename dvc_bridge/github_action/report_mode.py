"""The mode `report`: metrics, parameters and plots against the base branch, without a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dvc_bridge.app.comparison import Comparison, Value, compare
from dvc_bridge.app.plan import plan
from dvc_bridge.dvcio.atomic_files import write_whole
from dvc_bridge.dvcio.project import find_project
from dvc_bridge.errors import UsageError
from dvc_bridge.git.revision import git
from dvc_bridge.github_action.document import Block, Table, Text
from dvc_bridge.github_action.inputs import Inputs
from dvc_bridge.github_action.literal_text import code
from dvc_bridge.github_action.positions import Positions
from dvc_bridge.github_action.runner import print_visible
from dvc_bridge.github_action.step_result import StepResult
from dvc_bridge.pipeline.run_flags import RunFlags
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.planning.forecast import Verdict
from dvc_bridge.planning.targets import Selection
from dvc_bridge.report.page import page

# How many metrics are shown outside of a fold.
_OPEN_ROWS = 12
_NEEDS_BASE = "set fetch-depth: 0 in actions/checkout, or the input base"


def report_step(inputs: Inputs, positions: Positions, folder: Path) -> StepResult:
    """Compare with the base branch.

    Raises
    ------
    BridgeError
        The project is not valid, or the clone does not have the base.
    """
    del positions
    compared = compare(_base(inputs))
    selection = Selection(inputs.targets, all_pipelines=not inputs.targets)
    planned = plan(selection, RunFlags(), assume_pulled=True, warn=print_visible)
    stale = sum(f.verdict is not Verdict.UP_TO_DATE for f in planned.forecasts)
    html = folder / "report.html"
    write_whole(html, page(compared.page), folder)
    changed = [value for value in compared.metrics if value.changed]
    print_visible(
        f"compared with {compared.revision}: {counted(len(changed), 'metric')} and"
        f" {counted(len(compared.params), 'parameter')} differ"
    )
    blocks = report_blocks(compared, stale)
    is_changed = bool(changed or compared.params or compared.plots)
    return StepResult(
        outputs={
            "stages": str(len(planned.forecasts)),
            "changed": "true" if is_changed else "false",
            "report": str(html),
        },
        summary=blocks,
    )


def _base(inputs: Inputs) -> str:
    """Return the revision to compare with: the base of the pull request, or the commit before."""
    if inputs.base:
        return inputs.base
    project = find_project()
    if project.git_root is None:
        raise project.no_git
    parents = git(project.git_root, "rev-list", "--parents", "--max-count=1", "HEAD").split()[1:]
    try:
        if inputs.base_branch and len(parents) < 2:  # the head of the pull request, not its merge
            branch = f"refs/remotes/origin/{inputs.base_branch}"
            return git(project.git_root, "merge-base", "--", branch, "HEAD")
        return git(project.git_root, "rev-parse", "--verify", "--quiet", "HEAD^1")
    except UsageError as error:
        raise UsageError("this clone does not have the commit to compare with", _NEEDS_BASE) from (
            error
        )


def report_blocks(compared: Comparison, stale: int) -> list[Block]:
    """Return the report of a comparison.

    Parameters
    ----------
    stale
        How many stages are not up to date, so that the results are not those of these files.
    """
    changed = [value for value in compared.metrics if value.changed]
    same = [value for value in compared.metrics if not value.changed]
    blocks: list[Block] = [Text(f"### DVC results, compared with {code(compared.revision[:12])}")]
    if stale:
        are = "is" if stale == 1 else "are"
        blocks.append(
            Text(f"**{counted(stale, 'stage')} {are} not up to date:** these results are older.")
        )
    if compared.params:
        blocks.append(Table(("parameter", "before", "now"), _params(compared), "parameters"))
    rows = [_metric(value, changed) for value in changed]
    if rows:
        blocks.append(Table(_METRIC_HEAD, rows[:_OPEN_ROWS], "metrics"))
    elif compared.metrics:
        blocks.append(Text("No metric differs."))
    if more := rows[_OPEN_ROWS:]:
        folded = f"{counted(len(more), 'more metric')} with a difference"
        blocks.append(Table(_METRIC_HEAD, more, "metrics", folded))
    if compared.plots:
        blocks.append(Text(f"Plots that differ: {', '.join(map(code, compared.plots[:50]))}"))
    if same:
        values = [(_name(value, same), _shown(value.here)) for value in same]
        folded = f"{counted(len(same), 'metric')} without a difference"
        blocks.append(Table(("metric", "value"), values, "metrics", folded))
    if compared.unread:
        names = ", ".join(map(code, compared.unread[:50]))
        blocks.append(Text(f"Not in this clone, because git does not track them: {names}"))
    if len(blocks) == 1:
        blocks.append(Text("There are no metrics, plots and parameters that differ."))
    return blocks


_METRIC_HEAD = ("metric", "before", "now", "difference")


def _metric(value: Value, values: Sequence[Value]) -> tuple[str, ...]:
    return (
        _name(value, values),
        _shown(value.before),
        _shown(value.here),
        _difference(value.before, value.here),
    )


def _params(compared: Comparison) -> list[tuple[str, ...]]:
    values = compared.params
    return [(_name(value, values), _shown(value.before), _shown(value.here)) for value in values]


def _name(value: Value, values: Sequence[Value]) -> str:
    is_one_file = len({other.file for other in values}) == 1
    return code(value.name if is_one_file else f"{value.file}: {value.name}")


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return code(f"{value:.6g}" if isinstance(value, float) else str(value), 100)


def _difference(before: Any, here: Any) -> str:
    numbers = [v for v in (before, here) if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < 2 or not all(abs(v) < 1e300 and math.isfinite(v) for v in numbers):
        return "new" if before is None else "gone" if here is None else ""
    return code(f"{here - before:+.4g}")
