"""Text of unknown origin as HTML: no name of a stage, file or metric can become a tag."""

from __future__ import annotations

import re
from html import escape
from typing import Any

# What neither HTML nor UTF-8 takes.
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


def text(value: Any) -> str:
    """Return a value as text to stand between tags or in an attribute's quotes."""
    return escape(_ODD.sub("\N{REPLACEMENT CHARACTER}", str(value)))
