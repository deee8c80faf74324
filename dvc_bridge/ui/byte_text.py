"""Numbers of bytes as readable text."""

from __future__ import annotations

_UNITS = ("kB", "MB", "GB", "TB")


def bytes_text(count: int) -> str:
    """Return a number of bytes as readable text: 812 B, 3.2 MB."""
    if count < 1000:
        return f"{count} B"
    size, unit = count / 1000, 0
    while size >= 999.95 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}"


def progress_text(done: int, total: int) -> str:
    """Return the progress of a download: `12.3 MB of 45.6 MB`, or its size at its end."""
    return bytes_text(done) if done >= total else f"{bytes_text(done)} of {bytes_text(total)}"
