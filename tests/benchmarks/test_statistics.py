"""The statistics find what was planted, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.comparison.statistics import (
    geometric_mean,
    median_interval,
    penalised,
    ratio_interval,
)


def draw(generator: np.random.Generator, n: int, seconds: float) -> list[float]:
    """Return times with 5 % noise, of which one in twenty takes half as long again."""
    times = seconds * np.exp(generator.normal(0, 0.05, n))
    return list(np.where(generator.random(n) < 0.05, times * 1.5, times))


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_the_same_toolchain_twice_shows_no_difference_for_95_of_100_seeds(n: int) -> None:
    seeds = range(200)
    generators = [np.random.default_rng(seed) for seed in seeds]
    shown = [ratio_interval(draw(g, n, 1.0), draw(g, n, 1.0)).is_shown for g in generators]
    assert sum(shown) <= 0.05 * len(seeds)


def test_a_planted_slowdown_of_20_percent_is_found() -> None:
    seeds = range(100)
    generators = [np.random.default_rng(seed) for seed in seeds]
    ratios = [ratio_interval(draw(g, 12, 1.2), draw(g, 12, 1.0)) for g in generators]
    assert sum(ratio.is_shown and ratio.value > 1 for ratio in ratios) >= 0.9 * len(seeds)


def test_a_ratio_is_that_of_the_medians_and_lies_in_its_interval() -> None:
    ratio = ratio_interval([2.0, 2.1, 9.0], [1.0, 1.05, 1.1])
    assert ratio.value == 2.1 / 1.05
    assert ratio.low <= ratio.value <= ratio.high


def test_one_sample_has_no_interval_and_shows_nothing() -> None:
    ratio = ratio_interval([5.0], [1.0, 1.0, 1.0])
    assert (ratio.value, ratio.low, ratio.high) == (5.0, 0.0, math.inf)
    assert not ratio.is_shown


def test_equal_samples_give_equal_figures() -> None:
    assert median_interval([1.0, 2.0, 4.0]) == median_interval([1.0, 2.0, 4.0])


def test_a_failure_costs_a_multiple_of_the_slowest_time() -> None:
    assert penalised({"a": 1.0, "b": 3.0, "c": None}) == {"a": 1.0, "b": 3.0, "c": 6.0}


def test_the_shift_keeps_milliseconds_from_dominating_the_mean() -> None:
    assert geometric_mean([0.001, 1.0], [0.010, 1.0]) > 0.95
    assert geometric_mean([2.0, 0.9], [0.95, 1.9]) == pytest.approx(1.0)
