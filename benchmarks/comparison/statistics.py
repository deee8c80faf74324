"""Medians, ratios and their intervals. Pure: equal samples produce equal figures.

The interval of a ratio is the wider of two: a percentile bootstrap of the ratio of medians, and
Welch's interval for the difference of the mean logarithms. With few samples the bootstrap alone is
too narrow: with three samples a side it would find a difference in one of ten equal pairs.

Pairs of runs that follow each other directly share the load of the machine. Their ratio is the
Hodges-Lehmann estimate with the interval of Wilcoxon's signed-rank test, which few very slow runs
do not widen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95
DRAWS = 4000
# Added to both times before their ratio enters the geometric mean, so that milliseconds of a run
# that no one notices do not dominate.
SHIFT_S = 0.1
# What a toolchain that failed is given, in multiples of the slowest time of the row.
PENALTY = 2.0
# Pairs are added until their interval is narrow enough. That finds a difference more often than one
# look at a fixed number of pairs, so their interval is wider than CONFIDENCE asks for.
PAIRED_CONFIDENCE = 0.98
# With fewer samples a side, no difference is ever claimed.
FEWEST = 2
# Two samples can agree by chance; no interval is believed to be narrower than this.
_LEAST_LOG_SD = 0.01

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A value with the interval that contains the true one in 95 of 100 cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ratio(Interval):
    """How many times longer one side takes than the other."""

    @property
    def is_shown(self) -> bool:
        """Whether the samples show a difference."""
        return not self.low <= 1 <= self.high

    def would_show(self, factor: float) -> bool:
        """Return whether the interval is narrow enough to show a true ratio of `factor`.

        Half of the interval must then be shorter than half of the distance between 1 and `factor`.
        """
        if self.low <= 0 or not math.isfinite(self.high):
            return False
        return math.log(self.high / self.low) <= abs(math.log(factor))


def median_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Return the median with its bootstrap interval; with fewer than three samples, their range."""
    if len(values) <= FEWEST:
        return Interval(float(np.median(values)), min(values), max(values))
    medians = _resampled_medians(values, np.random.default_rng(seed))
    low, high = np.quantile(medians, _TAILS)
    return Interval(float(np.median(values)), float(low), float(high))


def ratio_interval(values: Sequence[float], baseline: Sequence[float], seed: int = 0) -> Ratio:
    """Return the ratio of the medians with its interval; all values are positive.

    With fewer samples than `FEWEST` on a side, the interval is from 0 to infinity.
    """
    value = float(np.median(values) / np.median(baseline))
    if min(len(values), len(baseline)) < FEWEST:
        return Ratio(value, 0.0, math.inf)
    generator = np.random.default_rng(seed)
    ratios = _resampled_medians(values, generator) / _resampled_medians(baseline, generator)
    bootstrap_low, bootstrap_high = np.quantile(ratios, _TAILS)
    welch_low, welch_high = _welch_ratio(values, baseline)
    return Ratio(
        value, min(float(bootstrap_low), welch_low), max(float(bootstrap_high), welch_high)
    )


def paired_ratio(values: Sequence[float], baseline: Sequence[float]) -> Ratio:
    """Return the ratio of runs that were measured in pairs, with its interval.

    Parameters
    ----------
    values, baseline
        Positive times; those at the same position make a pair. Without a partner, one is left out.
    """
    n_pairs = min(len(values), len(baseline))
    logs = np.log(np.asarray(values[:n_pairs]) / np.asarray(baseline[:n_pairs]))
    rows, columns = np.triu_indices(n_pairs)
    means = np.sort((logs[rows] + logs[columns]) / 2)
    expected = n_pairs * (n_pairs + 1) / 4
    deviation = math.sqrt(n_pairs * (n_pairs + 1) * (2 * n_pairs + 1) / 24)
    left_out = math.floor(expected - _PAIRED_QUANTILE * deviation - 0.5)
    value = math.exp(float(np.median(means)))
    if left_out < 0:  # so few pairs never show a difference
        return Ratio(value, 0.0, math.inf)
    return Ratio(value, math.exp(float(means[left_out])), math.exp(float(means[-1 - left_out])))


_PAIRED_QUANTILE = float(stats.norm.ppf((1 + PAIRED_CONFIDENCE) / 2))
_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


def _resampled_medians(values: Sequence[float], generator: np.random.Generator) -> Floats:
    draws = generator.choice(np.asarray(values, dtype=float), (DRAWS, len(values)))
    return cast("Floats", np.median(draws, axis=1))


def _welch_ratio(values: Sequence[float], baseline: Sequence[float]) -> tuple[float, float]:
    logs, base_logs = np.log(values), np.log(baseline)
    variance = max(float(logs.var(ddof=1)), _LEAST_LOG_SD**2) / len(values)
    base_variance = max(float(base_logs.var(ddof=1)), _LEAST_LOG_SD**2) / len(baseline)
    total = variance + base_variance
    freedom = total**2 / (variance**2 / (len(values) - 1) + base_variance**2 / (len(baseline) - 1))
    half = float(stats.t.ppf(_TAILS[1], freedom)) * math.sqrt(total)
    middle = float(logs.mean() - base_logs.mean())
    return _exp(middle - half), _exp(middle + half)


def _exp(value: float) -> float:
    return math.exp(min(max(value, -700.0), 700.0))


def penalised(medians: Mapping[str, float | None]) -> dict[str, float]:
    """Return the median of each toolchain in a row; for one that failed (None), the penalty."""
    slowest = max((value for value in medians.values() if value is not None), default=0.0)
    return {name: PENALTY * slowest if value is None else value for name, value in medians.items()}


def geometric_mean(values: Sequence[float], baselines: Sequence[float]) -> float:
    """Return the geometric mean of the ratios, with `SHIFT_S` added to both times of each."""
    logs = [
        math.log((value + SHIFT_S) / (baseline + SHIFT_S))
        for value, baseline in zip(values, baselines, strict=True)
    ]
    return math.exp(sum(logs) / len(logs))
