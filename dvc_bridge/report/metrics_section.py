"""The metrics of a run on its page, as many as a reader can take in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dvc_bridge.report.html import text
from dvc_bridge.report.metrics import gone, metrics_html
from dvc_bridge.report.values import Metrics, RunReport, is_same, metric_values

MOST_VALUES, MOST_NAMES = 600, 50
_NO_METRICS = "No stage of this run has metrics."


def metrics_section(report: RunReport) -> Iterator[str]:
    """Yield the section of the metrics; of many, those that differ come before the others."""
    yield "<section><h2>Metrics</h2>"
    if not report.metrics:
        yield f'<p class="soft">{_NO_METRICS}</p>'
    elif report.before:
        yield (
            f'<p class="soft">A signed number is the difference from {text(report.before)}; values'
            " without one are equal.</p>"
        )
    else:
        yield '<p class="soft">There is nothing to compare with.</p>'
    readable = {file: values for file, values in report.metrics.items() if values is not None}
    shown = _shown(readable, report.before_metrics)
    for file, values in shown.items():
        if len(report.metrics) > 1:
            yield f"<h3>{text(file)}</h3>"
        previous = report.before_metrics.get(file)
        yield from metrics_html(values, previous, compared=previous is not None)
        if previous is not None and (removed := gone(readable[file], previous)):
            yield f'<p class="soft">Only in {text(report.before)}: {_names(removed)}.</p>'
    if hidden := sum(map(_count, readable.values())) - sum(map(_count, shown.values())):
        yield f'<p class="soft">{hidden:,} more metrics are not shown.</p>'
    if unread := [file for file in report.metrics if file not in readable]:
        yield f'<p class="soft">{_names(unread)} cannot be read here.</p>'
    if files := [file for file in report.before_metrics if file not in report.metrics]:
        yield f'<p class="soft">Only in {text(report.before)}: {_names(files)}.</p>'
    yield "</section>"


def _shown(metrics: Metrics, before: Metrics) -> Mapping[str, Any]:
    """Return the metrics to show: all, or so many of them, by file."""
    if sum(map(_count, metrics.values())) <= MOST_VALUES:
        return metrics
    differing: list[tuple[str, str, Any]] = []
    equal: list[tuple[str, str, Any]] = []
    for file, content in metrics.items():
        previous = metric_values(before.get(file))
        for name, value in metric_values(content).items():
            group = equal if is_same(value, previous.get(name)) else differing
            group.append((file, name, value))
    chosen = [*differing, *equal][:MOST_VALUES]
    values: dict[str, dict[str, Any]] = {file: {} for file in metrics}
    for file, name, value in chosen:
        values[file][name] = value
    return {file: content for file, content in values.items() if content}


def _count(content: Any) -> int:
    return len(metric_values(content))


def _names(names: Sequence[str]) -> str:
    others = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"{text(', '.join(names[:MOST_NAMES]))}{others}"
