"""Escape untrusted text for HTML, so that no name of a stage, file or metric becomes a tag."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from dvc_bridge.report.format import shortened

LONGEST, LONGEST_TEXT = 120, 400
# Characters that are invalid in HTML or UTF-8, and those that reorder the text after them.
_INVALID = re.compile(
    "[\u202a-\u202e\u2066-\u2069"
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def text(value: Any) -> str:
    """Return a value as text for an element or a quoted attribute."""
    return escape(_INVALID.sub("\N{REPLACEMENT CHARACTER}", str(value)))


def short_text(value: Any) -> str:
    """Return a value as `text` does, without the middle of a long one, such as a command."""
    return text(shortened(str(value), LONGEST_TEXT))


def name_html(name: str) -> str:
    """Return a name as HTML, the middle of a long one as a tooltip.

    The element keeps a name of another direction from reordering the text around it.
    """
    short = shortened(name, LONGEST)
    title = "" if short == name else f' title="{text(name)}"'
    return f"<bdi{title}>{text(short)}</bdi>"
