"""Markdown that is cut at a limit with whole markup, by leaving out blocks and rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# GitHub's limits: bytes of the summary of a step, and characters of a comment.
SUMMARY_LIMIT = 1024 * 1024
COMMENT_LIMIT = 65_536
# Room for the lines that end a document and say what was left out.
_RESERVE = 400
_CUT = "*The rest does not fit here.*"


@dataclass(frozen=True)
class Text:
    """A block of Markdown that is kept or left out as a whole."""

    markdown: str


@dataclass(frozen=True)
class Table:
    """A table; rows that do not fit are left out, and a line after the table counts them.

    Parameters
    ----------
    head
        The titles of the columns.
    rows
        The cells of each row, as Markdown on one line.
    noun
        What a row is, in the plural, for the line that counts those left out.
    folded
        The line under which the table is folded; empty: it is not folded.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    noun: str
    folded: str = ""


Block = Text | Table


def render(blocks: Sequence[Block], limit: int) -> str:
    """Return the document, with at most `limit` bytes of UTF-8."""
    parts: list[str] = []
    left = limit - _RESERVE
    for block in blocks:
        text = block.markdown if isinstance(block, Text) else _table(block, left)
        size = _size(text) + 2
        if size > left:
            parts.append(_CUT)
            break
        parts.append(text)
        left -= size
    return "\n\n".join(parts) + "\n"


def _table(table: Table, room: int) -> str:
    begin = f"<details><summary>{table.folded}</summary>\n\n" if table.folded else ""
    end = "\n\n</details>" if table.folded else ""
    head = [_line(table.head), _line(["---"] * len(table.head))]
    lines, left = [], room - _size(begin) - _size(end) - _RESERVE
    for row in (*head, *map(_line, table.rows)):
        left -= _size(row) + 1
        if left < 0:
            break
        lines.append(row)
    missing = len(head) + len(table.rows) - len(lines)
    note = f"\n\n*{missing:,} more {table.noun} do not fit here.*" if missing else ""
    if len(lines) <= len(head):  # a table without rows
        return f"{begin}{note.strip()}{end}"
    return f"{begin}{chr(10).join(lines)}{note}{end}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _size(text: str) -> int:
    return len(text.encode("utf-8", errors="replace"))
