"""The stages of a run that took most time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvc_bridge.pipeline.trace import RunTrace, StageTrace
from dvc_bridge.report.stage_table import stage_table

MOST_SLOW = 10


def slowest_section(trace: RunTrace) -> Iterator[str]:
    """Yield the section of the slowest stages, if a run has more stages than it shows."""
    slowest = sort_by_work(trace.stages)
    if len(slowest) > MOST_SLOW and _work_s(slowest[0]):
        yield "<section><h2>Slowest stages</h2>"
        yield stage_table(slowest[:MOST_SLOW], trace)
        yield "</section>"


def sort_by_work(stages: Sequence[StageTrace]) -> list[StageTrace]:
    """Return the stages that are not up to date, the slowest first."""
    changed = [stage for stage in stages if stage.outcome != "up to date"]
    return sorted(changed, key=_work_s, reverse=True)


def _work_s(stage: StageTrace) -> float:
    """Return the seconds of CPU, or of time if that is longer."""
    execution = stage.execution
    if execution is None:
        return 0.0
    return max(execution.usage.cpu_s if execution.usage else 0.0, execution.command_s or 0.0)
