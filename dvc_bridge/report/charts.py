"""A table's columns as an SVG picture: lines or points over numbers or words, axes and legend.

Colours are classes (`s0` to `s7`), so that the page's style gives them for light, dark and paper.
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
        # Halves: the distance between the ends of all floats is not a float.
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def chart(spec: PlotSpec, rows: Rows, colours: dict[str, int]) -> str | None:
    """Draw a plot as a figure of HTML; None: there is nothing that can be drawn.

    Parameters
    ----------
    colours
        Of the lines by name, so that a name has one colour on the page; new names are added.
    """
    if not rows:
        return None
    x, y = spec["x"], spec["y"] or str(list(rows[0])[-1])
    words = _words(x, rows)
    if len(words) > MOST_WORDS:
        return None
    places = {word: float(place) for place, word in enumerate(words)}
    by = spec["lines"] or _column_of_words(rows, {x, y})
    lines: dict[str, list[Point]] = {}
    for number, row in enumerate(rows):
        across = places.get(str(row.get(x))) if words else number_of(row.get(x)) if x else number
        up = number_of(row.get(y))
        if across is not None and up is not None:
            name = str(row.get(by, "")) if by else ""
            lines.setdefault(name, []).append((float(across), up))
    if not lines or len(lines) > MOST_LINES:
        return None
    for name in lines:
        colours.setdefault(name, len(colours) % COLOURS)
    reference = [(p, q) for p, q in spec["reference"]]
    if spec["square"]:
        horizontal = vertical = _numbers_axis([0.0, 1.0], padded=False)
    else:
        every = [*(p for line in lines.values() for p in line), *reference]
        horizontal = _words_axis(words) if words else _numbers_axis([p for p, _ in every], False)
        vertical = _numbers_axis([q for _, q in every], padded=True)
    drawn = {name: (f"s{colours[name]}", points) for name, points in lines.items()}
    picture = "".join(_picture(spec, y, drawn, reference, horizontal, vertical))
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
    """Return a cell as a finite number; None: it is none."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _words(x: str, rows: Rows) -> list[str]:
    """Return the words of a column that is not one of numbers, in their order; else none."""
    values = [str(row.get(x)) for row in rows] if x else []
    if all(number_of(value) is not None for value in values):
        return []
    return list(dict.fromkeys(values))


def _column_of_words(rows: Rows, taken: set[str]) -> str:
    for name in rows[0]:
        values = {str(row.get(name)) for row in rows}
        words = all(number_of(value) is None for value in values)
        if name not in taken and words and len(values) <= MOST_LINES:
            return name
    return ""


def _numbers_axis(values: Sequence[float], padded: bool) -> _Axis:
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) / 2 or 1), high + (abs(high) / 2 or 1)
    elif padded:
        room = (high / 2 - low / 2) / 10
        low, high = low - room, high + room
    if not (math.isfinite(low) and math.isfinite(high)) or math.nextafter(low, high) == high:
        low, high = -1e308, 1e308
    step = _step(high / 2 - low / 2)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [number * step for number in range(first, min(last, first + 12) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    return _Axis(low, high, tuple((tick, _tick(tick, decimals)) for tick in ticks))


def _step(half: float) -> float:
    """Return a round distance that parts twice `half` into four to nine."""
    rough = half / 2.5
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 1e-300 else 1e-300
    return next((power * m for m in (1, 2, 5) if rough <= power * m), power * 10)


def _tick(value: float, decimals: int) -> str:
    if decimals > 4 or abs(value) >= 1e6:
        return f"{value:.3g}"
    return (
        f"{value:,.{decimals}f}".replace("-0.0", "0.0") if value == 0 else f"{value:,.{decimals}f}"
    )


def _words_axis(words: Sequence[str]) -> _Axis:
    every = math.ceil(len(words) / _LABELS)
    shown = tuple(
        (float(i), w if len(w) <= _LETTERS else f"{w[: _LETTERS - 1]}…")
        for i, w in enumerate(words)
        if i % every == 0
    )
    return _Axis(-0.5, len(words) - 0.5, shown)


def _picture(
    spec: PlotSpec,
    y: str,
    lines: Mapping[str, tuple[str, Sequence[Point]]],
    reference: Sequence[Point],
    horizontal: _Axis,
    vertical: _Axis,
) -> Iterator[str]:
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(point: Point) -> tuple[float, float]:
        across, up = horizontal.share(point[0]), vertical.share(point[1])
        return LEFT + wide * across, TOP + high * (1 - up)

    label = text(f"{spec['title']}: {spec['y_label'] or y} by {spec['x_label'] or 'row'}")
    yield f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {HEIGHT}">'
    for value, shown in vertical.ticks:
        _, v = at((horizontal.low, value))
        yield f'<path class="grid" d="M{LEFT} {v:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text class="tick end" x="{LEFT - 6}" y="{v + 4:.1f}">{text(shown)}</text>'
    for value, shown in horizontal.ticks:
        h, _ = at((value, vertical.low))
        yield f'<path class="grid" d="M{h:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        yield f'<text class="tick mid" x="{h:.1f}" y="{HEIGHT - BOTTOM + 16}">{text(shown)}</text>'
    yield f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    if reference:
        yield f'<path class="reference" d="{_path(reference, at)}"/>'
    for colour, points in lines.values():
        kept = _thinned(points)
        if not spec["points"]:
            yield f'<path class="line {colour}" d="{_path(kept, at)}"/>'
        if spec["points"] or len(kept) <= FEW_POINTS:
            for point in kept:
                h, v = at(point)
                yield f'<circle class="dot {colour}" cx="{h:.1f}" cy="{v:.1f}" r="2.6"/>'
    across = text(spec["x_label"] or spec["x"] or "row")
    yield f'<text class="name mid" x="{LEFT + wide / 2}" y="{HEIGHT - 8}">{across}</text>'
    middle = TOP + high / 2
    yield (
        f'<text class="name mid" transform="translate(13 {middle}) rotate(-90)">'
        f"{text(spec['y_label'] or y)}</text></svg>"
    )


def _path(points: Sequence[Point], at: Callable[[Point], tuple[float, float]]) -> str:
    return "M" + "L".join("{:.1f} {:.1f}".format(*at(point)) for point in points)


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    every = math.ceil(len(points) / MOST_POINTS)
    return points if every == 1 else [*points[::every], points[-1]]
