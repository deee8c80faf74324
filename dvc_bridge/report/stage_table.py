"""The stages of a run as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvc_bridge.pipeline.trace import Execution, RunTrace, StageTrace
from dvc_bridge.report.format import duration, shortened, size
from dvc_bridge.report.html import name_html, short_text, text

# Outcomes in words for readers who do not know DVC.
OUTCOMES = {
    "ran": "ran",
    "run cache": "reused from the run cache",
    "up to date": "unchanged",
    "failed": "failed",
    "skipped": "skipped",
    "running": "still running",
    "waiting": "not begun",
}
MOST_ROWS, MOST_NAMES, FEW = 300, 2000, 40
_HEAD = (
    '<div class="scroll"><table class="stages"><thead><tr><th>stage</th><th>outcome</th>'
    "<th>time</th><th>CPU</th><th>memory</th><th>storage</th>{more}</tr></thead><tbody>"
)


def stages_section(trace: RunTrace) -> Iterator[str]:
    """Yield the section of the stages; unchanged stages of a large run are folded."""
    if not trace.stages:
        return
    busy = [stage for stage in trace.stages if stage.outcome != "up to date"]
    unchanged = [stage for stage in trace.stages if stage.outcome == "up to date"]
    yield "<section><h2>Stages</h2>"
    shown = busy if len(trace.stages) > FEW else trace.stages
    ordered = sorted(shown, key=_by_weight)
    if shown:
        yield stage_table(ordered[:MOST_ROWS], trace)
    yield from _folded("{} more stages", ordered[MOST_ROWS:])
    if len(trace.stages) > FEW:
        yield from _folded("{} stages are unchanged", unchanged)
    yield "</section>"


def _folded(title: str, stages: Sequence[StageTrace]) -> Iterator[str]:
    return folded(title, [_short(stage) for stage in stages[:MOST_NAMES]], len(stages))


def folded(title: str, items: Sequence[str], count: int) -> Iterator[str]:
    """Yield a list that the reader can open, if it is not empty.

    Parameters
    ----------
    title
        With `{}` for the number of items.
    items
        The first items, as HTML.
    count
        How many items there are.
    """
    if count <= 0:
        return
    yield f"<details><summary>{title.format(f'{count:,}')}</summary><p>"
    yield ", ".join(items)
    more = count - len(items)
    yield f" and {more:,} more</p></details>" if more > 0 else "</p></details>"


def _short(stage: StageTrace) -> str:
    seconds = stage.execution.command_s if stage.execution else None
    outcome = "" if stage.outcome in ("ran", "up to date") else f" {OUTCOMES[stage.outcome]}"
    took = "" if seconds is None else f" {duration(seconds)}"
    return f"{name_html(shortened(stage.address, 80))}{outcome}{took}"


def _by_weight(stage: StageTrace) -> tuple[bool, bool, float]:
    started = stage.execution.started if stage.execution else float("inf")
    return stage.outcome != "failed", stage.outcome == "up to date", started


def stage_table(stages: Sequence[StageTrace], trace: RunTrace) -> str:
    """Return a table of these stages of a run."""
    longest = max((_seconds(stage) for stage in stages), default=0.0) or 1.0
    is_remote = any(stage.task is not None for stage in trace.stages)
    more = "<th>moved</th><th>task</th>" if is_remote else ""
    rows = "".join(_row(stage, longest, is_remote=is_remote) for stage in stages)
    return f"{_HEAD.format(more=more)}{rows}</tbody></table></div>"


def _seconds(stage: StageTrace) -> float:
    return (stage.execution.command_s or 0.0) if stage.execution else 0.0


def _row(stage: StageTrace, longest: float, *, is_remote: bool) -> str:
    execution = stage.execution
    why = stage.error or stage.reason
    cells = [
        f"<th>{name_html(stage.address)}</th>",
        f'<td class="{stage.outcome.partition(" ")[0]}">{OUTCOMES[stage.outcome]}'
        f"{f'<small>{short_text(why)}</small>' if why else ''}</td>",
        *(_measured(stage, execution, longest) if execution else ('<td colspan="4"></td>',)),
    ]
    if is_remote:
        cells.append(f"<td>{_moved(execution) if execution else ''}</td>")
        cells.append(f"<td>{_task(stage)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _measured(stage: StageTrace, execution: Execution, longest: float) -> Iterator[str]:
    seconds, usage = execution.command_s, execution.usage
    if seconds is None:
        yield '<td colspan="4"></td>'
        return
    yield (
        f'<td>{duration(seconds)}<i class="bar" style="width:'
        f'{100 * seconds / longest:.0f}%"></i></td>'
    )
    if usage is None:
        yield '<td colspan="3"></td>'
        return
    yield f"<td>{duration(usage.cpu_s)}</td>"
    limit = "≤ " if usage.is_upper_limit else ""
    wanted = stage.requests.get("memory")
    of = f"<small>of {text(wanted)}</small>" if wanted else ""
    if stage.killed_bytes:
        of += f"<small>killed at {size(stage.killed_bytes)}</small>"
    yield f"<td>{limit}{size(usage.peak_bytes)}{of}</td>"
    parts = [
        f"{size(count)} {verb}"
        for count, verb in ((usage.read_bytes, "read"), (usage.written_bytes, "written"))
        if count
    ]
    yield f"<td>{'<br/>'.join(parts)}</td>"


def _moved(execution: Execution) -> str:
    moved = ((execution.pulled_bytes, "pulled"), (execution.pushed_bytes, "pushed"))
    return "<br/>".join(f"{size(count)} {verb}" for count, verb in moved if count)


def _task(stage: StageTrace) -> str:
    if stage.task is None:
        return ""
    attempts = f"{stage.attempts} attempts" if stage.attempts > 1 else ""
    if reasons := "; ".join(dict.fromkeys(filter(None, stage.retry_reasons))):
        attempts += f": {text(shortened(reasons, 200))}"
    node = stage.execution.node if stage.execution else ""
    note = ", ".join(filter(None, (text(node), attempts)))
    return f"g{stage.task}" + (f"<small>{note}</small>" if note else "")
