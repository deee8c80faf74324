"""The report of a run: one self-contained HTML page for a browser, a phone and print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.report.cost import RunCost, cost_of
from dvc_bridge.report.cost_table import cost_html
from dvc_bridge.report.format import duration, figure, moment, size
from dvc_bridge.report.graph import graph_svg
from dvc_bridge.report.graph_fold import fold
from dvc_bridge.report.html import name_html, short_text, text
from dvc_bridge.report.metrics_section import metrics_section
from dvc_bridge.report.notes import goes_on, notes_of
from dvc_bridge.report.plots_section import plots_section
from dvc_bridge.report.slowest_stages import slowest_section
from dvc_bridge.report.stage_table import OUTCOMES, stages_section
from dvc_bridge.report.style import STYLE
from dvc_bridge.report.suggestion import suggested_settings
from dvc_bridge.report.timeline import timeline
from dvc_bridge.report.timing import Span, critical_path, spans, total
from dvc_bridge.report.values import RunReport

_NEW_LINE = "\n"
_MOST_NOTES, _MOST_PATH, _MOST_PARAMS, _MOST_FILES, _MOST_LINES = 10, 12, 300, 300, 2000
_PHASE_MEANINGS = (
    ("waiting", "waiting", "all inputs were there, but no job was free"),
    ("dispatch", "dispatch", "the engine started the task"),
    ("work", "work", "commands ran"),
    (
        "bookkeeping",
        "bookkeeping",
        "inputs checked and pulled; outs hashed, stored, pushed",
    ),
)
_PHASES = (
    ("waiting", "waiting"),
    ("dispatch", "dispatch"),
    ("work ran", "work"),
    ("work failed", "failed"),
    ("work reused", "from the run cache"),
    ("bookkeeping", "bookkeeping"),
)


def page(report: RunReport) -> str:
    """Return the page; equal reports produce equal bytes."""
    trace = report.trace or RunTrace("", "", 0.0)
    found = spans(trace)
    critical = critical_path(trace, found)
    cost = cost_of(report.trace, report.prices)
    parts = [
        *_render_head(report, found, cost),
        *_render_time(trace, found, critical),
        *metrics_section(report),
        *_render_params(report),
        *plots_section(report),
        *_render_graph(trace),
        *slowest_section(trace),
        *stages_section(trace),
        *cost_html(cost),
        *_render_suggestion(trace),
        *_render_outs(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{text(report.pathspec)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{_NEW_LINE.join(parts)}\n</main></body></html>\n"
    )


def _render_head(report: RunReport, found: Sequence[Span], cost: RunCost | None) -> Iterator[str]:
    yield f"<header><h1>{name_html(report.flow)}</h1>"
    if report.about:
        yield f'<p class="about">{text(report.about)}</p>'
    facts = list(_facts(report, found, cost))
    yield (
        '<dl class="facts">'
        + "".join(
            f"<div><dt>{name}</dt><dd>{value}{f'<small>{note}</small>' if note else ''}</dd></div>"
            for name, value, note in facts
        )
        + "</dl>"
    )
    yield from (f'<p class="note">{text(note)}</p>' for note in notes_of(report))
    if report.trace:
        yield from _render_failures(report.trace)
    yield "</header>"


def _facts(
    report: RunReport, found: Sequence[Span], cost: RunCost | None
) -> Iterator[tuple[str, str, str]]:
    """Yield names, values and notes of what a reader looks for first."""
    trace = report.trace
    run = text(report.pathspec).replace("/", "/<wbr/>")
    yield "run", run, f"engine: {text(trace.engine)}" if trace else ""
    if trace:
        yield "started", moment(trace.started), text(trace.node)
    revision = text(report.revision[:12]) if report.revision else "no git"
    changes = "with uncommitted changes" if report.dirty else ""
    yield "git revision", f"<code>{revision}</code>", changes
    if trace:
        if trace.ended is not None or goes_on(trace):
            yield "took", *_took(trace)
        yield "stages", *_counts(trace)
        yield "commands", *_used(found)
    if cost:
        note = "without what is not known" if cost.unknown else ""
        yield "cost", f"{figure(cost.amount)} {text(cost.currency)}".rstrip(), note


def _took(trace: RunTrace) -> tuple[str, str]:
    predicted = "" if trace.predicted_s is None else f"predicted {duration(trace.predicted_s)}"
    if trace.ended is None:
        return "has not ended", predicted
    return duration(trace.ended - trace.started), predicted


def _counts(trace: RunTrace) -> tuple[str, str]:
    counts = Counter(stage.outcome for stage in trace.stages)
    ran = counts.pop(Outcome.RAN.value, 0)
    others = ", ".join(f"{count} {OUTCOMES[outcome]}" for outcome, count in counts.items())
    return (f"{ran} ran", others) if ran or not others else (others, "")


def _used(found: Sequence[Span]) -> tuple[str, str]:
    usages = [span.execution.usage for span in found if span.execution.usage]
    work_s = total(found).work
    if not work_s:
        return "no command ran", ""
    peak_bytes = max((usage.peak_bytes for usage in usages), default=0)
    parts = [
        f"{duration(sum(usage.cpu_s for usage in usages))} of CPU" if usages else "",
        f"largest process {size(peak_bytes)}" if peak_bytes else "",
    ]
    return duration(work_s), ", ".join(filter(None, parts))


def _render_failures(trace: RunTrace) -> Iterator[str]:
    failed = [stage for stage in trace.stages if stage.outcome == Outcome.FAILED.value]
    if not failed:
        return
    lines = []
    for stage in failed[:_MOST_NOTES]:
        log = f" Its output is in <code>{text(stage.log)}</code>." if stage.log else ""
        why = short_text(stage.error or "no message")
        lines.append(f"<li>{name_html(stage.address)}: {why}.{log}</li>")
    if len(failed) > _MOST_NOTES:
        lines.append(f"<li>and {len(failed) - _MOST_NOTES:,} more</li>")
    count = counted(len(failed), "stage")
    yield f'<div class="note">{count} failed:<ul>{"".join(lines)}</ul></div>'


def _render_time(trace: RunTrace, found: Sequence[Span], critical: Sequence[Span]) -> Iterator[str]:
    if not found:
        return
    yield "<section><h2>Timeline</h2>"
    yield (
        '<ul class="legend">'
        + "".join(
            f'<li><svg class="key" viewBox="0 0 18 10" aria-hidden="true"><rect class="{kind}"'
            f' y="1" width="18" height="8"/></svg>{label}</li>'
            for kind, label in _PHASES
        )
        + '<li><svg class="key" viewBox="0 0 18 10" aria-hidden="true"><path class="critical"'
        ' d="M0 5h18"/></svg>critical path</li></ul>'
    )
    yield timeline(trace, found, critical)
    everything, chain = total(found), total(critical)
    rows = "".join(
        f'<tr><th scope="row">{label}</th><td class="n">{duration(getattr(everything, kind))}</td>'
        f'<td class="n">{duration(getattr(chain, kind))}</td>'
        f'<td class="soft meaning">{meaning}</td></tr>'
        for kind, label, meaning in _PHASE_MEANINGS
    )
    yield (
        '<div class="scroll"><table class="list"><thead><tr><th>time</th><th class="n">all stages'
        '</th><th class="n">critical path</th><th class="meaning"></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    yield f"<p>Critical path: {_path(critical)}</p></section>"


def _path(critical: Sequence[Span]) -> str:
    shown = list(critical)
    names = [f"{name_html(s.stage.address)} {duration(s.ended - s.started)}" for s in shown]
    if len(names) > _MOST_PATH:
        half = _MOST_PATH // 2
        names = [*names[:half], f"… {len(names) - 2 * half} more …", *names[-half:]]
    return " → ".join(names)


def _render_graph(trace: RunTrace) -> Iterator[str]:
    if not trace.stages:
        return
    graph = fold(trace.stages)
    yield "<section><h2>Graph</h2>"
    if graph.folded_by:
        count = len(trace.stages)
        yield f'<p class="soft">{count:,} stages, folded by {graph.folded_by}.</p>'
    yield graph_svg(graph)
    yield "</section>"


def _render_suggestion(trace: RunTrace) -> Iterator[str]:
    suggestion = suggested_settings(trace.stages)
    if suggestion:
        yield "<section><h2>Requests that would have fitted</h2>"
        yield (
            '<p class="soft">For dvc-bridge.yaml, from what this run used, with a quarter more'
            " memory and room for the worker. Processes of a stage that run at the same time add"
            " up: the figure is that of the largest.</p>"
        )
        yield f"<pre>{text(suggestion)}</pre></section>"


def _render_params(report: RunReport) -> Iterator[str]:
    if report.params is None:
        return
    yield "<section><h2>Params</h2>"
    if not report.params:
        yield f'<p class="soft">No parameter differs from {text(report.before)}.</p></section>'
        return
    rows = "".join(
        f'<tr><th scope="row">{name_html(change.name)}</th><td class="n">{_value(change.old)}</td>'
        f'<td class="n">{_value(change.new)}</td></tr>'
        for change in report.params[:_MOST_PARAMS]
    )
    more = len(report.params) - _MOST_PARAMS
    yield (
        f'<div class="scroll"><table class="list"><thead><tr><th>parameter</th><th class="n">'
        f'{text(report.before)}</th><th class="n">this run</th></tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )
    yield f'<p class="soft">{more:,} more differ.</p></section>' if more > 0 else "</section>"


def _value(value: Any) -> str:
    return '<span class="soft">none</span>' if value is None else short_text(value)


def _render_outs(report: RunReport) -> Iterator[str]:
    if not report.outs:
        return
    yield "<section><h2>Files</h2>"
    yield (
        '<p class="soft">The files that the run read from DVC and the files that it wrote, each'
        " with the md5 of its content; for a folder, the md5 of its list of files.</p>"
    )
    outs = sorted(report.outs.items())
    rows = "".join(_render_out(path, pointer) for path, pointer in outs[:_MOST_FILES])
    yield (
        '<div class="scroll"><table class="files"><thead><tr><th>file or folder</th><th>md5</th>'
        f"<th>files</th><th>size</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
    if others := outs[_MOST_FILES:]:
        lines = [f"{pointer.get('md5', '')}  {path}" for path, pointer in others[:_MOST_LINES]]
        more = len(others) - len(lines)
        yield f"<details><summary>{len(others):,} more files</summary><pre>"
        yield text("\n".join(lines))
        yield f"</pre>{f'<p>{more:,} more are in dvc.lock.</p>' if more else ''}</details>"
    yield "</section>"


def _render_out(path: str, pointer: Pointer) -> str:
    return (
        f"<tr><th>{name_html(path)}</th><td><code>{text(pointer.get('md5', ''))}</code></td>"
        f"<td>{text(pointer.get('nfiles', ''))}</td><td>{size(pointer.get('size'))}</td></tr>"
    )
