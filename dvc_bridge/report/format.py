"""Format durations, sizes and names for readers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

TIMES = "\N{MULTIPLICATION SIGN}"
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
