"""Times, ratios and counts as text, the same in HTML and Markdown."""

from __future__ import annotations

import math

from benchmarks.comparison.error_lines import speaks_of_error
from benchmarks.comparison.report.analysis import Entry, Row
from benchmarks.comparison.statistics import Interval, Ratio
from benchmarks.comparison.status import Status

_LINE_CHARACTERS = 140
NO_DIFFERENCE = "no difference shown"


def seconds(value: float) -> str:
    """Return a time with three significant digits, in a readable unit."""
    if value < 1e-3:
        return f"{_digits(value * 1e6)} µs"
    if value < 1:
        return f"{_digits(value * 1e3)} ms"
    if value < 120:
        return f"{_digits(value)} s"
    return f"{_digits(value / 60)} min"


def _digits(value: float) -> str:
    if value <= 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:,.{decimals}f}"


def spread(interval: Interval, count: int) -> str:
    """Return the interval of a median; with one sample there is none."""
    if count == 1:
        return ""
    return f"{seconds(interval.low)} to {seconds(interval.high)}"


def times(ratio: float) -> str:
    """Return a ratio."""
    if not math.isfinite(ratio):
        return "∞"
    return f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}"


def verdict(ratio: Ratio | None) -> str:
    """Return what a ratio shows, in words."""
    if ratio is None:
        return ""
    if not math.isfinite(ratio.high):
        return ""
    if not ratio.is_shown:
        return NO_DIFFERENCE
    return "faster" if ratio.value < 1 else "slower"


def ratio_text(ratio: Ratio) -> str:
    """Return a ratio with its interval."""
    if not math.isfinite(ratio.high):
        return times(ratio.value)
    return f"{times(ratio.value)} [{times(ratio.low)}, {times(ratio.high)}]"


def state(entry: Entry) -> str:
    """Return why an entry has no figure, with what a toolchain that failed said about it."""
    reason = entry.reason if entry.status in entry.reason else f"{entry.status}: {entry.reason}"
    said = last_error(entry.log) if entry.status is Status.FAILED else ""
    return f"{reason}: {said}" if said else reason


def not_run_note(row: Row) -> str:
    """Return which toolchains have no figure because they were not run, and why; empty: none."""
    # Titles contain commas.
    return " ".join(f"Not run ({why}): {'; '.join(titles)}." for why, titles in row.not_run.items())


def last_error(log: str) -> str:
    """Return the last line of a log that speaks of an error; without one, the last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if speaks_of_error(line)]
    line = (errors or lines or [""])[-1]
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]}…"
