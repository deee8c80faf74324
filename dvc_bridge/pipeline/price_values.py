"""The kinds of values of the section `prices` in dvc-bridge.yaml."""

from __future__ import annotations

from typing import Any

from dvc_bridge.pipeline.setting_values import InvalidValueError, Value

_LONGEST_LABEL = 20
# Sums of higher prices can be more than any float.
_HIGHEST = 10**12


def _read_price(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _HIGHEST:  # NaN is neither
        raise InvalidValueError("a number from 0 to 1e12, without the currency")
    return float(value)


def _read_label(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_LABEL:
        raise InvalidValueError(f"text of at most {_LONGEST_LABEL} characters, such as EUR")
    return " ".join(value.split())


PRICE = Value(_read_price, {"type": "number", "minimum": 0, "maximum": _HIGHEST}, "a number")
LABEL = Value(
    _read_label, {"type": "string", "pattern": r"\S", "maxLength": _LONGEST_LABEL}, "a text"
)
