"""Escape untrusted text for HTML, so that no name of a stage, file or metric becomes a tag."""

from __future__ import annotations

import re
from html import escape
from typing import Any

# Characters that are invalid in HTML or UTF-8.
_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def text(value: Any) -> str:
    """Return a value as text for an element or a quoted attribute."""
    return escape(_INVALID.sub("\N{REPLACEMENT CHARACTER}", str(value)))
