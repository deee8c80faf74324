"""Measurements with their targets, the samples behind them, and how they are printed."""

from __future__ import annotations

import platform
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class SkippedError(Exception):
    """A benchmark needs something that is missing; the message names it."""


@dataclass(frozen=True)
class Measurement:
    """One line of the table.

    Parameters
    ----------
    limit
        The target: the largest allowed value; None if there is no target.
    """

    name: str
    value: float
    limit: float | None = None

    @property
    def meets_target(self) -> bool:
        """Whether the value is within the limit."""
        return self.limit is None or self.value <= self.limit

    def line(self) -> str:
        """Return the line of the table."""
        limit = "" if self.limit is None else f"<= {self.limit:.4g}"
        mark = "" if self.meets_target else "  MISSED"
        return f"  {self.name:<58}{limit:>10}{self.value:>10.4g}{mark}"


@dataclass
class Result:
    """The measurements of one benchmark, and every sample behind them."""

    measurements: list[Measurement] = field(default_factory=list)
    samples: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float, limit: float | None = None) -> None:
        """Add a measurement."""
        self.measurements.append(Measurement(name, value, limit))

    def add_sample(self, name: str, value: Any) -> None:
        """Add a sample, and print it to show progress."""
        self.samples.setdefault(name, []).append(value)
        text = f"{value:.2f}" if isinstance(value, float) else value
        print(f"    {name}: {text}", flush=True)

    def median(self, name: str) -> float:
        """Return the median of the samples with a name."""
        return float(statistics.median(self.samples[name]))

    def ratio(self, numerator: str, denominator: str) -> float:
        """Return the median of the ratios of two names, over the rounds that have both."""
        pairs = zip(self.samples[numerator], self.samples[denominator], strict=False)
        return float(statistics.median(a / b for a, b in pairs))

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        measurements = [{**asdict(m), "meets_target": m.meets_target} for m in self.measurements]
        return {"measurements": measurements, "samples": self.samples}


def environment() -> dict[str, Any]:
    """Return what the measurements depend on."""
    describe: Sequence[str] = ["git", "describe", "--always", "--dirty"]
    return {
        "commit": subprocess.check_output(describe, cwd=ROOT, text=True).strip(),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "dvc": version("dvc"),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
