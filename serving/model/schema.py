"""The schema of a row: names, types and ranges of its values, from flows.features."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from flows.features.columns import CATEGORIES
from flows.features.known_inputs import KNOWN

_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TEXT_PATTERNS = {
    **dict.fromkeys(CATEGORIES, "[0-9A-Z]{1,8}"),
    "departure": f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}",
    "arrival": _CLOCK,
}
# Python's $ also matches before a newline at the end.
PATTERNS = {name: rf"^{pattern}(?!\n)$" for name, pattern in _TEXT_PATTERNS.items()}
# Matches joined texts, each followed by a semicolon, which no pattern allows.
# `arrival` is not here: MINUTE_OF_CLOCK checks it.
MATCH_ALL = {
    n: re.compile(f"(?:{_TEXT_PATTERNS[n]};)*+").fullmatch for n in (*CATEGORIES, "departure")
}
MINUTE_OF_CLOCK = {f"{minute // 60:02}:{minute % 60:02}": minute for minute in range(24 * 60)}


def _number(name: str) -> Any:
    checked = Annotated[float, Meta(ge=KNOWN[name].low, le=KNOWN[name].high)]
    return checked if KNOWN[name].required else checked | None


MAX_ID = 128

# Every column of a row, in the order in which request.py splits rows: codes, times, numbers.
COLUMN_TYPES: dict[str, Any] = {
    **{name: Annotated[str, Meta(pattern=p)] for name, p in PATTERNS.items()},
    **{name: _number(name) for name in KNOWN},
}
# The columns that a request must have.
REQUIRED = frozenset({*PATTERNS} | {n for n in KNOWN if KNOWN[n].required})
N_CODES, N_TEXTS = len(CATEGORIES), len(PATTERNS)
LOW = np.array([k.low for k in KNOWN.values()])
HIGH = np.array([k.high for k in KNOWN.values()])


def _unchecked_fields(make_type: Callable[[Any], Any]) -> list[Any]:
    types: dict[str, Any] = {n: str if n in PATTERNS else float for n in COLUMN_TYPES}
    types |= {n: float | None for n in COLUMN_TYPES if n not in REQUIRED}
    return [
        (n, make_type(t)) if n in REQUIRED else (n, make_type(t) | None, None)
        for n, t in types.items()
    ]


def _checked_fields() -> list[Any]:
    return [(n, t) if n in REQUIRED else (n, t, None) for n, t in COLUMN_TYPES.items()]


# The decoder checks a few rows. It decodes many rows without patterns and ranges, which request.py
# then checks by column: that takes half the time.
CheckedRow = msgspec.defstruct(
    "CheckedRow", _checked_fields(), forbid_unknown_fields=True, gc=False
)
UncheckedRow = msgspec.defstruct(
    "UncheckedRow", _unchecked_fields(lambda t: t), forbid_unknown_fields=True, gc=False
)
Columns = msgspec.defstruct(
    "Columns", _unchecked_fields(list.__class_getitem__), forbid_unknown_fields=True
)
