"""The report of a run as Markdown, for a pull request."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dvc_bridge.pipeline.trace import RunTrace, StageTrace
from dvc_bridge.report.cost import CostLine, cost_of
from dvc_bridge.report.cost_table import unit_text
from dvc_bridge.report.format import (
    TIMES,
    difference,
    duration,
    figure,
    moment,
    number,
    shortened,
    size,
)
from dvc_bridge.report.graph import mermaid
from dvc_bridge.report.graph_fold import fold
from dvc_bridge.report.metrics import gone
from dvc_bridge.report.notes import notes_of
from dvc_bridge.report.slowest_stages import MOST_SLOW, sort_by_work
from dvc_bridge.report.stage_table import OUTCOMES
from dvc_bridge.report.suggestion import suggested_settings
from dvc_bridge.report.timing import critical_path, spans, total
from dvc_bridge.report.values import RunReport, is_same, metric_values

# A comment on GitHub has at most 65,536 characters.
MOST_ROWS = 60
_MOST_LINES = 10
_NAME = 80
# Characters that reorder the text after them.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def markdown(report: RunReport) -> str:
    """Return the report; equal reports produce equal bytes."""
    trace = report.trace or RunTrace(report.pathspec, "", 0.0)
    parts = [
        *_head(report, trace),
        *_time(trace),
        *_metrics(report),
        *_params(report),
        *_graph(trace),
        *_stages(trace),
        *_cost(report),
        *_suggestion(trace),
    ]
    return "\n".join(parts).rstrip() + "\n"


def plain(value: Any, limit: int = _NAME) -> str:
    """Return a value as text that is neither Markdown nor HTML."""
    flat_text = " ".join(_REORDERING.sub("\N{REPLACEMENT CHARACTER}", str(value)).split())
    escaped = re.sub(r"([\\`*_\[\]#|<>~$])", r"\\\1", shortened(flat_text, limit))
    return escaped.replace("&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;")


def rows(head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; columns after the first whose head ends with : are numbers."""
    yield f"| {' | '.join(name.removesuffix(':') for name in head)} |"
    yield f"|{'|'.join('--:' if name.endswith(':') else '---' for name in head)}|"
    yield from (f"| {' | '.join(row)} |" for row in body)
    yield ""


def _head(report: RunReport, trace: RunTrace) -> Iterator[str]:
    counts = Counter(stage.outcome for stage in trace.stages)
    outcomes = ", ".join(f"{count} {OUTCOMES[outcome]}" for outcome, count in counts.items())
    took = (
        "has not ended" if trace.ended is None else f"took {duration(trace.ended - trace.started)}"
    )
    predicted = "" if trace.predicted_s is None else f" (predicted {duration(trace.predicted_s)})"
    revision = f", revision `{report.revision[:12]}`" if report.revision else ""
    yield f"## {plain(report.flow)}: {outcomes or 'no stages'}"
    yield ""
    yield (
        f"Run {plain(report.pathspec)}, engine {plain(trace.engine)}, started"
        f" {moment(trace.started)}{revision}, {took}{predicted}."
    )
    yield ""
    for note in notes_of(report):
        yield from (f"**Note:** {plain(note, 500)}", "")
    failed = [stage for stage in trace.stages if stage.outcome == "failed"]
    for stage in failed[:_MOST_LINES]:
        yield f"- **{plain(stage.address)} failed**: {plain(stage.error, 300)}"
    if len(failed) > _MOST_LINES:
        yield f"- and {len(failed) - _MOST_LINES:,} more"
    yield ""


def _time(trace: RunTrace) -> Iterator[str]:
    found = spans(trace)
    if not found:
        return
    critical = critical_path(trace, found)
    everything, chain = total(found), total(critical)
    names = [f"{plain(s.stage.address)} {duration(s.ended - s.started)}" for s in critical]
    if len(names) > _MOST_LINES:
        names = [*names[:5], f"{len(names) - 10} more", *names[-5:]]
    yield f"Critical path: {' → '.join(names)}"
    yield ""
    kinds = ("waiting", "dispatch", "work", "bookkeeping")
    yield from rows(
        ["time", *(f"{kind}:" for kind in kinds)],
        [
            ["all stages", *(duration(getattr(everything, kind)) for kind in kinds)],
            ["critical path", *(duration(getattr(chain, kind)) for kind in kinds)],
        ],
    )


def _metrics(report: RunReport) -> Iterator[str]:
    body = []
    for file in dict.fromkeys([*report.metrics, *report.before_metrics]):
        values = report.metrics.get(file)
        if values is None and file in report.metrics:
            continue  # what cannot be read is not gone
        before = metric_values(report.before_metrics.get(file, {}))
        for name, value in metric_values(values).items():
            change = difference(value, before[name]) if name in before else ""
            if report.before and name in before and is_same(value, before[name]):
                continue
            body.append([plain(file), plain(name), plain(number(value)), plain(change)])
        removed = gone(values, report.before_metrics.get(file, {}))
        body += [
            [plain(file), plain(name), "", f"was {plain(number(before[name]))}"] for name in removed
        ]
    unread = [plain(file) for file, values in report.metrics.items() if values is None]
    if not (report.metrics or body):
        return
    yield "### Metrics"
    yield ""
    if unread:
        more = f" and {len(unread) - _MOST_LINES} more" if len(unread) > _MOST_LINES else ""
        yield f"{', '.join(unread[:_MOST_LINES])}{more} cannot be read here."
        yield ""
    if not body:
        if len(unread) < len(report.metrics):
            yield f"No metric differs from {plain(report.before)}."
            yield ""
        return
    against = plain(report.before) if report.before else "before"
    yield from rows(["file", "metric", "value:", f"against {against}:"], body[:MOST_ROWS])
    yield from more_lines(len(body), "metrics")


def _params(report: RunReport) -> Iterator[str]:
    if not report.params:
        return
    yield "### Params"
    yield ""
    body = [[plain(change.name), plain(change.old), plain(change.new)] for change in report.params]
    yield from rows(["parameter", f"{plain(report.before)}:", "this run:"], body[:MOST_ROWS])
    yield from more_lines(len(body), "parameters")


def _graph(trace: RunTrace) -> Iterator[str]:
    if trace.stages:
        yield from ("```mermaid", mermaid(fold(trace.stages)), "```", "")


def _stages(trace: RunTrace) -> Iterator[str]:
    slowest = sort_by_work(trace.stages)
    if not slowest:
        return
    yield "### Slowest stages" if len(slowest) > MOST_SLOW else "### Stages"
    yield ""
    yield from rows(
        ["stage", "outcome", "why", "time:", "CPU:", "memory:"],
        [_row(stage) for stage in slowest[:MOST_SLOW]],
    )


def _row(stage: StageTrace) -> list[str]:
    execution = stage.execution
    usage = execution.usage if execution else None
    seconds = execution.command_s if execution else None
    limit = "≤ " if usage and usage.is_upper_limit else ""
    return [
        plain(stage.address),
        OUTCOMES[stage.outcome],
        plain(stage.error or stage.reason, 120),
        "" if seconds is None else duration(seconds),
        duration(usage.cpu_s) if usage else "",
        f"{limit}{size(usage.peak_bytes)}" if usage else "",
    ]


def _cost(report: RunReport) -> Iterator[str]:
    cost = cost_of(report.trace, report.prices)
    if cost is None:
        return
    yield f"### Cost: {figure(cost.amount)} {plain(cost.currency)}".rstrip()
    yield ""
    yield from rows(
        ["what", "quantity:", "price:", "amount:"],
        [
            [unit_text(line), *map(figure, (line.quantity, line.price, line.amount))]
            for line in cost.lines
        ],
    )
    yield from (f"- {plain(sentence, 200)}" for sentence in cost.unknown)
    yield ""
    costly = cost.stages[:_MOST_LINES]
    yield from rows(
        ["stage", "arithmetic", "amount:"],
        [[plain(s.address), " + ".join(map(_product, s.lines)), figure(s.amount)] for s in costly],
    )
    if more := len(cost.stages) - len(costly):
        yield from (f"{more} more stages cost less.", "")


def _product(line: CostLine) -> str:
    return f"{figure(line.quantity)} {unit_text(line)} {TIMES} {figure(line.price)}"


def _suggestion(trace: RunTrace) -> Iterator[str]:
    if suggestion := suggested_settings(trace.stages):
        yield "<details><summary>Requests that would have fitted</summary>"
        yield ""
        yield from ("````yaml", suggestion.replace("````", ""), "````", "", "</details>", "")


def more_lines(count: int, noun: str, most: int = MOST_ROWS) -> Iterator[str]:
    """Yield how many more differ than the `most` that are shown, if that is so."""
    if count > most:
        yield f"{count - most:,} more {noun} differ."
        yield ""
