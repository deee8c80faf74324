"""What may be in a row of a request: names, types and ranges, from flows.stages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from flows.stages.columns import CATEGORIES
from flows.stages.known import KNOWN

_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TEXTS = {
    **dict.fromkeys(CATEGORIES, "[0-9A-Z]{1,8}"),
    "departure": f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}",
    "arrival": _CLOCK,
}
# Python's $ also matches before a line end at the end.
PATTERNS = {name: rf"^{pattern}(?!\n)$" for name, pattern in _TEXTS.items()}
# Of texts joined, each followed by a semicolon, which no pattern allows; `arrival` is looked up.
MATCHES = {n: re.compile(f"(?:{_TEXTS[n]};)*+").fullmatch for n in (*CATEGORIES, "departure")}
CLOCK = {f"{minute // 60:02}:{minute % 60:02}": minute for minute in range(24 * 60)}


def _number(name: str) -> Any:
    checked = Annotated[float, Meta(ge=KNOWN[name].low, le=KNOWN[name].high)]
    return checked if KNOWN[name].required else checked | None


MAX_ID = 128

# Everything that may be in a row, in the order in which it is taken apart: codes, times, numbers.
TYPES: dict[str, Any] = {
    **{name: Annotated[str, Meta(pattern=p)] for name, p in PATTERNS.items()},
    **{name: _number(name) for name in KNOWN},
}
REQUIRED = frozenset({*PATTERNS} | {n for n in KNOWN if KNOWN[n].required})
N_CODES, N_TEXTS = len(CATEGORIES), len(PATTERNS)
LOW = np.array([k.low for k in KNOWN.values()])
HIGH = np.array([k.high for k in KNOWN.values()])


def _plain(of: Callable[[Any], Any]) -> list[Any]:
    plain = {name: str if name in PATTERNS else float for name in TYPES}
    plain |= {name: float | None for name in TYPES if name not in REQUIRED}  # type: ignore[misc]
    return [(n, of(t)) if n in REQUIRED else (n, of(t) | None, None) for n, t in plain.items()]


def _checked() -> list[Any]:
    return [(n, t) if n in REQUIRED else (n, t, None) for n, t in TYPES.items()]


# A few rows are checked as they are decoded. Many are decoded without patterns and ranges, which
# are then checked by column: that takes half the time.
Row = msgspec.defstruct("Row", _checked(), forbid_unknown_fields=True, gc=False)
BulkRow = msgspec.defstruct("BulkRow", _plain(lambda t: t), forbid_unknown_fields=True, gc=False)
Columns = msgspec.defstruct("Columns", _plain(list.__class_getitem__), forbid_unknown_fields=True)
