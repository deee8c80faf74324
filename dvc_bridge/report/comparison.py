"""Two runs side by side: what differs in outcomes, reasons, durations, params and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dvc_bridge.pipeline.trace import RunTrace, StageTrace
from dvc_bridge.report.cost import cost_of
from dvc_bridge.report.format import difference, duration, figure, moment, size
from dvc_bridge.report.html import name_html, short_text, text
from dvc_bridge.report.markdown import more_lines, plain, rows
from dvc_bridge.report.style import STYLE
from dvc_bridge.report.values import Metrics, RunReport, is_same, metric_values, param_values

# Durations that differ by less are noise.
RATIO, LEAST_S = 1.1, 0.1
MOST_ROWS, MOST_LINES = 500, 40
_UNREAD = "cannot be read here"
Table = tuple[str, Sequence[str], list[list[str]]]


def comparison_page(one: RunReport, other: RunReport) -> str:
    """Return the differences as a self-contained HTML page."""
    title = text(f"{one.pathspec} and {other.pathspec}")
    sections = "\n".join(_section(*table) for table in _tables(one, other))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f"<body><main><header><h1>{title}</h1></header>\n{sections}\n</main></body></html>\n"
    )


def comparison_markdown(one: RunReport, other: RunReport) -> str:
    """Return the differences as Markdown."""
    lines = [f"## {plain(one.pathspec)} and {plain(other.pathspec)}", ""]
    for title, head, body in _tables(one, other):
        lines += [f"### {title}", ""]
        cells = [[plain(cell, 100) for cell in row] for row in body[:MOST_LINES]]
        heads = [plain(name) for name in head]
        lines += rows(heads, cells) if body else ["No difference.", ""]
        lines += more_lines(len(body), "rows", MOST_LINES)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, head: Sequence[str], body: list[list[str]]) -> str:
    if not body:
        return f'<section><h2>{title}</h2><p class="soft">No difference.</p></section>'
    heads = "".join(f"<th>{text(name)}</th>" for name in head)
    lines = "".join(
        f'<tr><th scope="row">{name_html(row[0])}</th>'
        + "".join(f"<td>{short_text(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in body[:MOST_ROWS]
    )
    more = len(body) - MOST_ROWS
    rest = f'<p class="soft">{more:,} more differ.</p>' if more > 0 else ""
    return (
        f'<section><h2>{title}</h2><div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>{rest}</section>"
    )


def _tables(one: RunReport, other: RunReport) -> Iterator[Table]:
    names = [one.pathspec, other.pathspec]
    traces = [report.trace or RunTrace(report.pathspec, "", 0.0) for report in (one, other)]
    yield "Runs", ["", *names], [*_runs(*traces), *_costs(one, other)]
    yield "Stages", ["stage", "", *names], list(_stages(*traces))
    yield "Params", ["parameter", *names], list(_values(_params(one), _params(other)))
    yield "Metrics", ["metric", *names, "change"], list(_metrics(one.metrics, other.metrics))


def _runs(one: RunTrace, other: RunTrace) -> list[list[str]]:
    return [
        ["started", moment(one.started), moment(other.started)],
        ["took", _took(one), _took(other)],
        ["engine", one.engine, other.engine],
        ["revision", one.revision[:12], other.revision[:12]],
    ]


def _costs(one: RunReport, other: RunReport) -> Iterator[list[str]]:
    costs = [cost_of(report.trace, report.prices) for report in (one, other)]
    if any(costs):
        yield ["cost", *(f"{figure(c.amount)} {c.currency}".rstrip() if c else "" for c in costs)]


def _took(trace: RunTrace) -> str:
    return "has not ended" if trace.ended is None else duration(trace.ended - trace.started)


def _stages(one: RunTrace, other: RunTrace) -> Iterator[list[str]]:
    before = {stage.address: stage for stage in one.stages}
    after = {stage.address: stage for stage in other.stages}
    for address in dict.fromkeys([*before, *after]):
        a, b = before.get(address), after.get(address)
        if a is None or b is None:
            yield [address, "in the run", *("yes" if s else "no" for s in (a, b))]
            continue
        if a.outcome != b.outcome:
            yield [address, "outcome", a.outcome, b.outcome]
        if (a.error or a.reason) != (b.error or b.reason):
            yield [address, "reason", a.error or a.reason, b.error or b.reason]
        yield from _measured(address, a, b)


def _measured(address: str, one: StageTrace, other: StageTrace) -> Iterator[list[str]]:
    a, b = one.execution, other.execution
    if a is None or b is None:
        return
    if a.command_s is not None and b.command_s is not None and _differ(a.command_s, b.command_s):
        yield [address, "time", duration(a.command_s), duration(b.command_s)]
    if a.usage and b.usage and _differ(a.usage.peak_bytes, b.usage.peak_bytes, 2**20):
        yield [address, "memory", size(a.usage.peak_bytes), size(b.usage.peak_bytes)]


def _differ(one: float, other: float, least: float = LEAST_S) -> bool:
    return abs(one - other) > least and max(one, other) > RATIO * min(one, other)


def _metrics(one: Metrics, other: Metrics) -> Iterator[list[str]]:
    for file in sorted({*one, *other}):
        unread = [file in side and side[file] is None for side in (one, other)]
        if any(unread):
            yield [file, *(_UNREAD if is_unread else "" for is_unread in unread), ""]
            continue
        a, b = (metric_values({file: side.get(file)}) for side in (one, other))
        for row in _values(a, b):
            name = row[0]
            yield [*row, difference(b[name], a[name]) if name in a and name in b else ""]


def _params(report: RunReport) -> Mapping[str, Any]:
    if report.inputs is not None:
        return report.inputs
    values: dict[str, Any] = {}
    for stage in report.trace.stages if report.trace else ():
        for file, params in (stage.entry.get("params") or {}).items():
            values.update(param_values(params, file))
    return values


def _values(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[list[str]]:
    for name in sorted({*one, *other}):
        if not is_same(one.get(name), other.get(name)):
            yield [name, str(one.get(name, "none")), str(other.get(name, "none"))]
