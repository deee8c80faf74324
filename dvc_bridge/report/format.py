"""Format durations, sizes, numbers and names for readers: plain text, not HTML."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

TIMES = "\N{MULTIPLICATION SIGN}"
# No difference between two numbers.
SAME = "±0"
_MOST_DIGITS = 10**15
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def duration(seconds: float) -> str:
    """Return a duration in readable units."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest_seconds = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest_seconds} s" if rest_seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def size(count: Any) -> str:
    """Return a number of bytes in readable units; empty if it is not an integer."""
    if not isinstance(count, int):
        return ""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} bytes"


def figure(value: float) -> str:
    """Return a number with at least four significant digits, without an exponent."""
    decimals = 2 if not value else max(2, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 12)}f}"
    return text.rstrip("0").rstrip(".")


def moment(seconds: float) -> str:
    """Return a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def shortened(name: str, limit: int) -> str:
    """Return a name of at most `limit` characters; the middle is left out, as ends tell apart."""
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail]}…{name[-tail:]}"


def number(value: Any) -> str:
    """Return a value as text: counts with commas, fractions with four decimals, text unchanged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) and abs(value) < _MOST_DIGITS:
        return _replace_minus(f"{value:,}")
    if not _is_finite(value):
        return _replace_minus("∞" if value > 0 else "-∞" if value < 0 else "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return _replace_minus(f"{value:.4f}")
    return _replace_minus(f"{value:,.1f}" if 1e3 <= abs(value) < 1e9 else f"{value:.3g}")


def difference(value: Any, previous: Any) -> str:
    """Return the change of a value; for a number, the difference with its sign."""
    pair = (value, previous)
    if any(isinstance(item, bool) or not isinstance(item, int | float) for item in pair):
        return "" if value == previous else f"was {number(previous)}"
    if not all(map(_is_finite, pair)):
        return SAME if repr(value) == repr(previous) else f"was {number(previous)}"
    change = value - previous
    if change == 0:
        return SAME
    text_value = number(abs(change))
    if not text_value.strip("0."):
        text_value = f"{abs(change):.0e}"
    return _replace_minus("-" if change < 0 else "+") + text_value


def _replace_minus(formatted: str) -> str:
    return formatted.replace("-", "\N{MINUS SIGN}", 1) if formatted.startswith("-") else formatted


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer larger than any float
        return False
