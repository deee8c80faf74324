"""Figures with the limits that they are held against, and how they are printed."""

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
    """The row needs what is not here; it says what."""


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Parameters
    ----------
    limit
        At most so much; None: there is no target.
    """

    name: str
    value: float
    limit: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the target holds."""
        return self.limit is None or self.value <= self.limit

    def line(self) -> str:
        """Show it beside its limit."""
        limit = "" if self.limit is None else f"<= {self.limit:.4g}"
        mark = "" if self.reached else "  MISSED"
        return f"  {self.name:<58}{limit:>10}{self.value:>10.4g}{mark}"


@dataclass
class Found:
    """What one row has measured: figures, and every sample behind them."""

    figures: list[Figure] = field(default_factory=list)
    samples: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, value: float, limit: float | None = None) -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, limit))

    def keep(self, name: str, value: Any) -> None:
        """Add a sample, and show that something happens."""
        self.samples.setdefault(name, []).append(value)
        shown = f"{value:.2f}" if isinstance(value, float) else value
        print(f"    {name}: {shown}", flush=True)

    def median(self, name: str) -> float:
        """Give the median of the samples of a name."""
        return float(statistics.median(self.samples[name]))

    def ratio(self, one: str, other: str) -> float:
        """Give the median of the ratios of two names, of the rounds that have both."""
        pairs = zip(self.samples[one], self.samples[other], strict=False)
        return float(statistics.median(a / b for a, b in pairs))

    def plain(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        figures = [{**asdict(figure), "reached": figure.reached} for figure in self.figures]
        return {"figures": figures, "samples": self.samples}


def environment() -> dict[str, Any]:
    """Give what the figures depend on."""
    describe: Sequence[str] = ["git", "describe", "--always", "--dirty"]
    return {
        "commit": subprocess.check_output(describe, cwd=ROOT, text=True).strip(),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "dvc": version("dvc"),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
