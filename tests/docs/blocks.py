"""The fenced code blocks of Markdown pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text without the indent, and the line it begins on."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    content = page.read_text(encoding="utf-8")
    return [
        Block(
            match[2],
            re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE),
            content.count("\n", 0, match.start()) + 1,
        )
        for match in _BLOCK.finditer(content)
    ]
