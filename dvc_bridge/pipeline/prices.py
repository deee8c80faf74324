"""Prices of what a run uses, from dvc-bridge.yaml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prices:
    """What a unit of each resource costs; None: it has no price.

    Parameters
    ----------
    currency
        A label for amounts.
    gb_hour
        Of memory; GB are 10**9 bytes.
    gb_moved
        Of objects transferred from and to DVC remotes.
    """

    currency: str = ""
    cpu_hour: float | None = None
    gb_hour: float | None = None
    gpu_hour: float | None = None
    gb_moved: float | None = None
    request: float | None = None

    @property
    def by_unit(self) -> dict[str, float]:
        """The prices that are known, by the name of their unit."""
        prices = {unit: getattr(self, unit) for unit in UNITS}
        return {unit: price for unit, price in prices.items() if price is not None}


# What readers call the units.
UNITS = {
    "cpu_hour": "CPU hours",
    "gb_hour": "GB hours of memory",
    "gpu_hour": "GPU hours",
    "gb_moved": "GB moved",
    "request": "requests to the remote",
}
