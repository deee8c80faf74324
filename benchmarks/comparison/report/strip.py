"""A row as an SVG: every sample as a dot on a logarithmic axis, failures as crosses.

Colours are the classes of `dvc-bridge report`, so that the page's style sets them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.comparison.report import figures
from benchmarks.comparison.report.analysis import BASELINE, OURS, Entry, Row
from benchmarks.comparison.status import Status
from dvc_bridge.report.html import text

WIDTH, LINE, LEFT, RIGHT, TOP, BOTTOM = 720, 24, 236, 84, 8, 26
_CLASSES = {OURS: "s0", BASELINE: "s1"}
_MOST_TICKS = 6


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def place(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self) -> Iterator[float]:
        first, last = math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9)
        powers = [10.0**power for power in range(first, last + 1)]
        if len(powers) < 3:
            powers = [
                factor * 10.0**power
                for power in range(first - 1, last + 1)
                for factor in (1, 2, 5)
                if self.low <= math.log10(factor * 10.0**power) <= self.high
            ]
        yield from powers[:: math.ceil(len(powers) / _MOST_TICKS) or 1]


def draw_strip(row: Row) -> str:
    """Draw a row; toolchains that do not apply or were not measured have no line."""
    entries = [entry for entry in row.entries if entry.has_result]
    values = [value for entry in entries for value in entry.times]
    if not values:
        return ""
    scale = _make_scale(values)
    height = TOP + LINE * len(entries) + BOTTOM
    label = text(f"{row.title}: every run of each toolchain, logarithmic axis")
    parts = [
        f'<svg class="chart strip" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height}"'
        ' xmlns="http://www.w3.org/2000/svg">',
        *_draw_axis(scale, height),
    ]
    for number, entry in enumerate(entries):
        parts += _draw_entry(entry, scale, TOP + LINE * (number + 0.5), row.limit_s)
    return "".join([*parts, "</svg>"])


def _make_scale(values: Sequence[float]) -> _Scale:
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max((high - low) * 0.05, 0.08)
    return _Scale(low - room, high + room)


def _draw_axis(scale: _Scale, height: float) -> Iterator[str]:
    bottom = height - BOTTOM
    for value in scale.ticks():
        x = scale.place(value)
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
        yield (f'<text class="tick mid" x="{x:.1f}" y="{bottom + 17}">{text(_short(value))}</text>')


def _short(value: float) -> str:
    for size, unit in ((60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size * 0.999 and not (size == 60 and value < 120):
            return f"{value / size:g} {unit}"
    return f"{value:g} s"


def _draw_entry(entry: Entry, scale: _Scale, y: float, limit_s: float) -> Iterator[str]:
    kind = _CLASSES.get(entry.toolchain, "s5")
    strong = " strong" if entry.toolchain in _CLASSES else ""
    place = f'x="{LEFT - 12}" y="{y + 4:.1f}"'
    yield f'<text class="name end{strong}" {place}>{text(entry.title)}</text>'
    right = WIDTH - RIGHT
    yield f'<path class="rail" d="M{LEFT} {y:.1f}H{right}"/>'
    if not entry.is_good:
        has_failed = entry.status is Status.FAILED
        what = "failed" if has_failed else f"> {limit_s:g} s"
        note = f"exit {entry.exit_codes[0]}" if has_failed and entry.exit_codes else ""
        yield (
            f'<path class="cross" d="M{right - 9} {y - 5:.1f}l10 10m0 -10l-10 10"/>'
            f'<text class="bad" x="{right + 8}" y="{y + 4:.1f}">{text(note or what)}</text>'
        )
    for value in entry.times:
        yield f'<circle class="dot {kind}" cx="{scale.place(value):.1f}" cy="{y:.1f}" r="3.4"/>'
    if entry.median and entry.is_good:
        x = scale.place(entry.median.value)
        yield f'<path class="median {kind}" d="M{x:.1f} {y - 8:.1f}V{y + 8:.1f}"/>'
        yield (
            f'<text class="value" x="{right + 8}" y="{y + 4:.1f}">'
            f"{text(figures.seconds(entry.median.value))}</text>"
        )
