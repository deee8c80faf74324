"""The kinds of values of the section `prices` in dvc-bridge.yaml."""

from __future__ import annotations

import math
from typing import Any

from dvc_bridge.pipeline.setting_values import InvalidValueError, Value

_LONGEST_LABEL = 20


def _read_price(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value < 0:
        raise InvalidValueError("a number, 0 or more, without the currency")
    return float(value)


def _read_label(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_LABEL:
        raise InvalidValueError(f"text of at most {_LONGEST_LABEL} characters, such as EUR")
    return " ".join(value.split())


PRICE = Value(_read_price, {"type": "number", "minimum": 0}, "a number")
LABEL = Value(
    _read_label, {"type": "string", "pattern": r"\S", "maxLength": _LONGEST_LABEL}, "a text"
)
