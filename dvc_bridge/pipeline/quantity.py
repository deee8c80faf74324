"""Kubernetes quantities, such as 500m or 4Gi."""

from __future__ import annotations

import math
import re
from decimal import Decimal

# A regular expression for quantities, as JSON schemas can have it.
PATTERN = r"(\d+(\.\d+)?|\.\d+)([kMGTPE]i?|[num])?"
_EXPECTED = "a Kubernetes quantity: 2, 0.5, 500m, 512Mi, 4Gi"
_BYTES = re.compile(r"(\d+(?:\.\d+)?) ?([kKmMgGtT])(i?)[bB]")
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
_UNITS |= {"ki": 1024.0, "n": 1e-9, "u": 1e-6, "m": 1e-3}
_PLACES = Decimal("0.001")


def check_quantity(text: str) -> None:
    """Check that a text is a quantity, which is more than 0.

    Raises
    ------
    ValueError
        It is not; the message says what is expected.
    """
    match = re.fullmatch(PATTERN, text)
    if match and float(match[1]):
        return
    if wrong := _BYTES.fullmatch(text):
        number, unit, is_binary = wrong[1], wrong[2].upper(), bool(wrong[3])
        decimal = number + unit.replace("K", "k")
        spelled = f"{number}{unit}i" if is_binary else f"{decimal} or {number}{unit}i"
        raise ValueError(f"{_EXPECTED}; Kubernetes writes {spelled}")
    raise ValueError(_EXPECTED)


def amount(quantity: str) -> float:
    """Return a quantity as a number: cores, or bytes."""
    number, unit = _parts(quantity)
    return float(number) * _UNITS[unit]


def multiply(quantity: str, factor: float) -> str:
    """Return a multiple of a quantity in the same unit, with at most three decimals."""
    number, unit = _parts(quantity)
    product = (Decimal(number) * Decimal(str(factor))).quantize(_PLACES)
    return f"{product:f}".rstrip("0").rstrip(".") + unit


def growing(first: str, factor: float, largest: str, count: int) -> tuple[str, ...]:
    """Return at most `count` quantities, each `factor` times the one before.

    Parameters
    ----------
    largest
        The last of them is at most this; empty: no limit.
    """
    quantities = [first]
    while len(quantities) < count:
        following = multiply(quantities[-1], factor)
        if largest and amount(following) >= amount(largest):
            if amount(quantities[-1]) < amount(largest):
                quantities.append(largest)
            break
        quantities.append(following)
    return tuple(quantities)


def mebibytes(count: float, step: int = 64) -> str:
    """Return a number of bytes as a quantity, rounded up to a multiple of `step` MiB."""
    whole = max(step, math.ceil(count / 2**20 / step) * step)
    return f"{whole // 1024}Gi" if whole % 1024 == 0 else f"{whole}Mi"


def _parts(quantity: str) -> tuple[str, str]:
    number = quantity.rstrip("kKMGTPEinum")
    return number, quantity[len(number) :]
