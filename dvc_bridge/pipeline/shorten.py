"""Counts and lists in messages; long lists are cut off after the first items."""

from __future__ import annotations

from collections.abc import Sequence


def first_lines(lines: Sequence[str], limit: int) -> list[str]:
    """Return the first lines, and a line with the number of the others if there are any."""
    more = len(lines) - limit
    return [*lines[:limit], *([f"and {more} more"] if more > 0 else [])]


def first_names(names: Sequence[str], limit: int) -> str:
    """Return the first names joined by commas, and the number of the others if there are any."""
    more = len(names) - limit
    return f"{', '.join(names[:limit])}{f' and {more} more' if more > 0 else ''}"


def counted(number: int, noun: str) -> str:
    """Return a number with a noun, in the plural unless it is one: `1 stage`, `2 stages`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
