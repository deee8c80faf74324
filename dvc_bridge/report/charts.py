"""Draw columns of a table as an SVG chart: lines or points, numeric or text axes, and a legend.

Colours are classes (`s0` to `s7`), so that the page's style sets them for light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.plots import PlotSpec
from dvc_bridge.report.html import text

WIDTH, HEIGHT = 440, 330
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 46
COLOURS = 8
MOST_LINES, MOST_POINTS, MOST_WORDS, FEW_POINTS = 24, 400, 2000, 24
_LABELS, _LETTERS = 8, 10

Rows = Sequence[Mapping[str, Any]]
Point = tuple[float, float]


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        # Use halves: the distance between the largest and the smallest float overflows.
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def chart(spec: PlotSpec, rows: Rows, colours: dict[str, int]) -> str | None:
    """Draw a plot as an HTML figure; None if there is nothing to draw.

    Parameters
    ----------
    colours
        Name of a line -> index of its colour, so that a name has one colour on the page. New names
        are added.
    """
    if not rows:
        return None
    x, y = spec["x"], spec["y"] or str(list(rows[0])[-1])
    if x and not any(x in row for row in rows):
        return None
    texts = _distinct_texts(x, rows)
    if len(texts) > MOST_WORDS:
        return None
    text_positions = {label: float(position) for position, label in enumerate(texts)}
    line_column = spec["lines"] or _find_text_column(rows, {x, y})
    lines: dict[str, list[Point]] = {}
    for number, row in enumerate(rows):
        x_value = (
            text_positions.get(str(row.get(x))) if texts else number_of(row.get(x)) if x else number
        )
        y_value = number_of(row.get(y))
        if x_value is not None and y_value is not None:
            name = str(row.get(line_column, "")) if line_column else ""
            lines.setdefault(name, []).append((float(x_value), y_value))
    if not lines or len(lines) > MOST_LINES:
        return None
    for name in lines:
        colours.setdefault(name, len(colours) % COLOURS)
    reference = [(p, q) for p, q in spec["reference"]]
    if spec["square"]:
        horizontal = vertical = _make_numeric_axis([0.0, 1.0], padded=False)
    else:
        all_points = [*(p for line in lines.values() for p in line), *reference]
        horizontal = (
            _make_text_axis(texts)
            if texts
            else _make_numeric_axis([p for p, _ in all_points], False)
        )
        vertical = _make_numeric_axis([q for _, q in all_points], padded=True)
    coloured_lines = {name: (f"s{colours[name]}", points) for name, points in lines.items()}
    picture = "".join(_draw(spec, y, coloured_lines, reference, horizontal, vertical))
    legend = "".join(
        f'<li><svg class="key" viewBox="0 0 18 10" aria-hidden="true">'
        f'<path class="s{colours[name]}" d="M1 5H17"/></svg>{text(name)}</li>'
        for name in lines
    )
    return (
        f"<figure><figcaption>{text(spec['title'])}</figcaption>"
        + (f'<ul class="legend">{legend}</ul>' if len(lines) > 1 else "")
        + f"{picture}</figure>"
    )


def number_of(value: Any) -> float | None:
    """Return a cell as a finite number; None if it is not one."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _distinct_texts(x: str, rows: Rows) -> list[str]:
    """Return the distinct texts of a column in order; empty if all its values are numbers."""
    values = [str(row.get(x)) for row in rows] if x else []
    if all(number_of(value) is not None for value in values):
        return []
    return list(dict.fromkeys(values))


def _find_text_column(rows: Rows, used_columns: set[str]) -> str:
    for name in rows[0]:
        values = {str(row.get(name)) for row in rows}
        has_only_text = all(number_of(value) is None for value in values)
        if name not in used_columns and has_only_text and len(values) <= MOST_LINES:
            return name
    return ""


def _make_numeric_axis(values: Sequence[float], padded: bool) -> _Axis:
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) / 2 or 1), high + (abs(high) / 2 or 1)
    elif padded:
        room = (high / 2 - low / 2) / 10
        low, high = low - room, high + room
    if not (math.isfinite(low) and math.isfinite(high)) or math.nextafter(low, high) == high:
        low, high = -1e308, 1e308
    step = _round_step(high / 2 - low / 2)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [number * step for number in range(first, min(last, first + 12) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    return _Axis(low, high, tuple((tick, _format_tick(tick, decimals)) for tick in ticks))


def _round_step(half: float) -> float:
    """Return a round step that divides twice `half` into four to nine parts."""
    rough = half / 2.5
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else 1e-300
    return next((power * m for m in (1, 2, 5) if rough <= power * m), power * 10)


def _format_tick(value: float, decimals: int) -> str:
    if decimals > 4 or abs(value) >= 1e6:
        return f"{value:.3g}"
    return (
        f"{value:,.{decimals}f}".replace("-0.0", "0.0") if value == 0 else f"{value:,.{decimals}f}"
    )


def _make_text_axis(texts: Sequence[str]) -> _Axis:
    step = math.ceil(len(texts) / _LABELS)
    ticks = tuple(
        (float(i), w if len(w) <= _LETTERS else f"{w[: _LETTERS - 1]}…")
        for i, w in enumerate(texts)
        if i % step == 0
    )
    return _Axis(-0.5, len(texts) - 0.5, ticks)


def _draw(
    spec: PlotSpec,
    y: str,
    lines: Mapping[str, tuple[str, Sequence[Point]]],
    reference: Sequence[Point],
    horizontal: _Axis,
    vertical: _Axis,
) -> Iterator[str]:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def to_pixels(point: Point) -> tuple[float, float]:
        x_share, y_share = horizontal.share(point[0]), vertical.share(point[1])
        return LEFT + width * x_share, TOP + height * (1 - y_share)

    label = text(f"{spec['title']}: {spec['y_label'] or y} by {spec['x_label'] or 'row'}")
    yield f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}">'
    for value, tick in vertical.ticks:
        _, v = to_pixels((horizontal.low, value))
        yield f'<path class="grid" d="M{LEFT} {v:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="tick end" x="{LEFT - 6}" y="{v + 4:.1f}">{text(tick)}</text>'
    for value, tick in horizontal.ticks:
        h, _ = to_pixels((value, vertical.low))
        yield f'<path class="grid" d="M{h:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        yield f'<text class="tick mid" x="{h:.1f}" y="{HEIGHT - BOTTOM + 16}">{text(tick)}</text>'
    yield f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    if reference:
        yield f'<path class="reference" d="{_draw_path(reference, to_pixels)}"/>'
    for colour, points in lines.values():
        thinned = _thin(points)
        if not spec["points"]:
            yield f'<path class="line {colour}" d="{_draw_path(thinned, to_pixels)}"/>'
        if spec["points"] or len(thinned) <= FEW_POINTS:
            for point in thinned:
                h, v = to_pixels(point)
                yield f'<circle class="dot {colour}" cx="{h:.1f}" cy="{v:.1f}" r="2.6"/>'
    x_label = text(spec["x_label"] or spec["x"] or "row")
    yield f'<text class="name mid" x="{LEFT + width / 2}" y="{HEIGHT - 8}">{x_label}</text>'
    centre = TOP + height / 2
    yield (
        f'<text class="name mid" transform="translate(13 {centre}) rotate(-90)">'
        f"{text(spec['y_label'] or y)}</text></svg>"
    )


def _draw_path(points: Sequence[Point], to_pixels: Callable[[Point], tuple[float, float]]) -> str:
    return "M" + "L".join("{:.1f} {:.1f}".format(*to_pixels(point)) for point in points)


def _thin(points: Sequence[Point]) -> Sequence[Point]:
    step = math.ceil(len(points) / MOST_POINTS)
    return points if step == 1 else [*points[::step], points[-1]]
