"""Draw the timeline of a run as SVG: a row for each stage, or for each job if there are many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set

from dvc_bridge.pipeline.trace import RunTrace
from dvc_bridge.report.format import duration, shortened
from dvc_bridge.report.html import text
from dvc_bridge.report.timing import Span, lanes

WIDTH, LEFT, RIGHT, TOP, ROW, BAR = 1000, 190, 12, 22, 20, 12
MOST_ROWS, MOST_LANES, LABEL = 40, 60, 25
# Small bars that are closer than this are drawn as one; the more stages, the larger the distance.
MERGED, MANY = 1.2, 1500
Bar = tuple[float, float, list[Span]]


def timeline(trace: RunTrace, found: Sequence[Span], critical: Sequence[Span]) -> str:
    """Return the timeline as an HTML figure; empty if no stage did anything."""
    if not found:
        return ""
    begin = trace.started
    end = max([trace.ended or begin, *(span.ended for span in found)])
    scale = _Scale(begin, max(end - begin, 1e-3))
    marked = {span.place: span.queued for span in critical}
    if len(found) <= MOST_ROWS:
        rows = [(_label(span), [span]) for span in found]
        body = [
            part
            for y, (_, (span,)) in enumerate(rows)
            for part in _detailed(scale, span, y, marked.get(span.place))
        ]
    else:
        rows = _packed(found)
        near = MERGED * max(1.0, len(found) / MANY)
        body = [
            part
            for y, (_, row) in enumerate(rows)
            for part in _dense(scale, row, y, marked.keys(), near)
        ]
    height = TOP + ROW * len(rows) + 8
    parts = [
        '<figure class="scroll"><svg class="wide timeline" role="img" aria-label="Timeline"'
        f' viewBox="0 0 {WIDTH} {height}">',
        *_axis(scale, height),
        *(
            f'<text class="name end" x="{LEFT - 8}" y="{TOP + ROW * y + 13}">'
            f"{text(shortened(label, LABEL))}</text>"
            for y, (label, _) in enumerate(rows)
        ),
        *body,
        "</svg></figure>",
    ]
    return "".join(parts)


class _Scale:
    def __init__(self, begin: float, seconds: float) -> None:
        self.begin, self.seconds = begin, seconds

    def x(self, moment: float) -> float:
        share = min(1.0, max(0.0, (moment - self.begin) / self.seconds))
        return LEFT + (WIDTH - LEFT - RIGHT) * share


def _label(span: Span) -> str:
    task = "" if span.stage.task is None else f"g{span.stage.task} "
    return f"{task}{span.stage.address}"


def _packed(found: Sequence[Span]) -> list[tuple[str, list[Span]]]:
    """Return rows of stages: by task, or by job of a machine if there are too many tasks."""
    groups: dict[str, list[Span]] = {}
    for span in found:
        node = span.execution.node
        groups.setdefault(node if span.stage.task is None else f"g{span.stage.task}", []).append(
            span
        )
    rows = [(name, row) for name, group in groups.items() for row in lanes(group)]
    if len(rows) <= MOST_LANES:
        return rows
    packed = lanes(found)
    shown = [(f"job {number}", row) for number, row in enumerate(packed[:MOST_LANES], 1)]
    if rest := [span for row in packed[MOST_LANES:] for span in row]:
        shown.append((f"{len(packed) - MOST_LANES} more", sorted(rest, key=lambda s: s.started)))
    return shown


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    step = _round_step(scale.seconds / 6)
    for number in range(int(scale.seconds / step) + 1):
        x = scale.x(scale.begin + number * step)
        yield f'<path class="grid" d="M{x:.1f} {TOP - 4}V{height - 4}"/>'
        anchor = "end" if x > WIDTH - 60 else "mid"
        yield f'<text class="tick {anchor}" x="{x:.1f}" y="12">{_tick(number * step)}</text>'


def _tick(seconds: float) -> str:
    return "0" if not seconds else duration(seconds)


def _round_step(rough: float) -> float:
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    if rough <= steps[-1]:
        power = 10.0 ** math.floor(math.log10(max(rough, 1e-3)))
        small = (power * factor for factor in (1, 2, 5, 10))
        return next(s for s in (small if rough <= 1 else steps) if s >= rough * 0.999)
    return math.ceil(rough / 86400) * 86400


def _detailed(scale: _Scale, span: Span, y: int, critical_from: float | None) -> Iterator[str]:
    """Draw each phase of one stage in its own row, and its part of the critical path."""
    top = TOP + ROW * y + (ROW - BAR) / 2
    yield f"<g><title>{text(_title(span))}</title>"
    before = "dispatch" if span.is_dispatched else "waiting"
    for kind, start, end in (
        (before, span.queued, span.started),
        ("bookkeeping", span.started, span.command_started),
        (f"work {_state(span)}", span.command_started, span.command_ended),
        ("bookkeeping", span.command_ended, span.ended),
    ):
        yield _rectangle(kind, scale.x(start), scale.x(end), top, least=0.3)
    if span.command_started == span.command_ended == span.ended:  # without a command
        x = scale.x(span.started)
        yield _rectangle(f"work {_state(span)}", x, x + 2, top, least=2)
    if critical_from is not None:
        x, end = scale.x(critical_from), scale.x(span.ended)
        yield f'<path class="critical" d="M{x:.1f} {top + BAR + 2.5:.1f}H{max(end, x + 2):.1f}"/>'
    yield "</g>"


def _dense(
    scale: _Scale, row: Sequence[Span], y: int, marked: Set[int], near: float
) -> Iterator[str]:
    """Draw stages next to each other; those too close to tell apart become one bar."""
    top = TOP + ROW * y + (ROW - BAR) / 2
    bars: list[Bar] = []
    for span in row:
        start, end = scale.x(span.started), scale.x(span.ended)
        is_near = bool(bars) and start - bars[-1][1] < near
        if is_near and _is_mergeable(bars[-1], span, end - start, marked, near * 4):
            bars[-1][2].append(span)
            bars[-1] = (bars[-1][0], max(end, bars[-1][1]), bars[-1][2])
        else:
            bars.append((start, end, [span]))
    for start, end, group in bars:
        first = group[0]
        took = duration(first.ended - first.started)
        name = f"{shortened(first.stage.address, 60)}: {first.stage.outcome}, {took}"
        title = name if len(group) == 1 else f"{len(group)} stages"
        yield f"<g><title>{text(title)}</title>"
        yield _rectangle(f"work {_state(first)}", start, max(start + 0.4, end - 0.5), top, least=0)
        if any(span.place in marked for span in group):
            yield f'<path class="critical" d="M{start:.1f} {top + BAR + 2.5:.1f}H{end:.1f}"/>'
        yield "</g>"


def _is_mergeable(bar: Bar, span: Span, width: float, marked: Set[int], small: float) -> bool:
    start, end, group = bar
    if group[-1].ended > span.started:  # only the row of all that has no row of its own
        return True
    is_small = end - start < small and width < small
    same = _state(group[0]) == _state(span)
    return is_small and same and (group[0].place in marked) == (span.place in marked)


def _state(span: Span) -> str:
    return (
        "failed"
        if span.stage.outcome == "failed"
        else ("reused" if span.stage.outcome == "run cache" else "ran")
    )


def _title(span: Span) -> str:
    phases = span.phases
    known = [("waiting", phases.waiting), ("dispatch", phases.dispatch), ("work", phases.work)]
    shown = [f"{name} {duration(s)}" for name, s in known if s >= 0.005]
    shown.append(f"bookkeeping {duration(phases.bookkeeping)}")
    return f"{shortened(span.stage.address, 120)}: {span.stage.outcome}; {', '.join(shown)}"


def _rectangle(kind: str, start: float, end: float, top: float, *, least: float) -> str:
    if end - start < least:
        return ""
    return f'<path class="{kind}" d="M{start:.1f} {top:g}h{end - start:.1f}v{BAR}H{start:.1f}z"/>'
