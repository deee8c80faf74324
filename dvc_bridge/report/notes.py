"""What a reader of a report should know first."""

from __future__ import annotations

from collections.abc import Iterator

from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.report.values import RunReport


def notes_of(report: RunReport) -> Iterator[str]:
    """Yield what a reader should know first, as sentences."""
    yield from report.notes
    if report.trace is None:
        return
    if report.trace.interrupted:
        number = report.trace.interrupted
        yield f"Signal {number} ended this run early; finished results are kept."
    elif goes_on(report.trace):
        yield "This run has not ended, or was killed; this is what it had recorded."


def goes_on(trace: RunTrace) -> bool:
    """Return whether the run had stages left when this was recorded."""
    is_left = any(stage.outcome in ("running", "waiting") for stage in trace.stages)
    return trace.ended is None and is_left
