"""Hashes, long values, counts and lists in messages, cut off to a readable length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# An md5 or SHA is shown by its first digits, and other values by their first characters.
_HASH_DIGITS, _SHORTEST_HASH, _VALUE_CHARACTERS = 8, 32, 60


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


def shorten_value(value: Any) -> str:
    """Return a hash or the value of a parameter as messages show it, such as `6abe5898`."""
    text = str(value) if not isinstance(value, str) else value
    digits = text.removesuffix(".dir")
    if len(text) >= _SHORTEST_HASH and not digits.strip("0123456789abcdef"):
        return text[:_HASH_DIGITS]
    return repr(value) if len(text) <= _VALUE_CHARACTERS else f"{text[:57]!r}..."
