"""Reading log files while others append to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def new_lines(path: Path, offsets: dict[Path, int]) -> Iterator[str]:
    """Yield the whole lines of a file that are not read yet.

    Parameters
    ----------
    offsets
        How many bytes of each file were read; this function updates it.
    """
    with path.open("rb") as file:
        file.seek(offsets.get(path, 0))
        *lines, rest = file.read().split(b"\n")
        offsets[path] = file.tell() - len(rest)
    for line in lines:
        yield line.decode(errors="replace")
