"""Lines of a toolchain's output that speak of an error."""

from __future__ import annotations

_WORDS = ("error", "exception")


def speaks_of_error(line: str) -> bool:
    """Return whether a line of an output names an error."""
    return any(word in line.lower() for word in _WORDS)
