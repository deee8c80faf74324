"""Text from a repository, such as the names of stages, without effect on a terminal."""

from __future__ import annotations

import unicodedata

# Categories of Unicode that a reader cannot see, or that change the direction of the text.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str, limit: int | None = None) -> str:
    """Return a text on one line: control characters as escapes, and nothing beyond `limit`."""
    if text.isprintable() and (limit is None or len(text) <= limit):
        return text
    shown = "".join(
        ascii(char)[1:-1] if unicodedata.category(char) in _INVISIBLE else char
        for char in text[:limit]
    )
    return f"{shown}..." if limit is not None and len(text) > limit else shown


def visible_lines(text: str, limit: int | None = None) -> str:
    """Return a text whose lines are visible, each up to `limit` characters."""
    return "\n".join(visible(line, limit) for line in text.split("\n"))
