"""The statistics find what was planted, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.comparison import method_check
from benchmarks.comparison.method_check import AGAIN, PLAIN, SLOWED, VARIANTS
from benchmarks.comparison.statistics import (
    Ratio,
    geometric_mean,
    median_interval,
    paired_ratio,
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


def check_in_noise(seed: int, slowdown: float, sd: float) -> Ratio:
    """Return the ratio of the check after a round on a busy machine.

    The load drifts over a session, and one run in ten meets something else that slows it down.
    """
    generator, load = np.random.default_rng(seed), 0.0
    times: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
    while method_check.is_due(times, 1):
        load = 0.8 * load + generator.normal(0, 0.15)
        for variant in VARIANTS:
            slow = generator.exponential(0.5) if generator.random() < 0.1 else 0.0
            factor = 1 + slowdown * (variant == SLOWED)
            times[variant].append(0.6 * factor * np.exp(load + generator.normal(0, sd) + slow))
    return paired_ratio(times[SLOWED], times[PLAIN])


@pytest.mark.parametrize(("sd", "share"), [(0.03, 0.99), (0.1, 0.99), (0.2, 0.95)])
def test_the_check_finds_a_planted_slowdown_on_a_busy_machine(sd: float, share: float) -> None:
    ratios = [check_in_noise(seed, 0.2, sd) for seed in range(100)]
    assert sum(ratio.is_shown and ratio.value > 1 for ratio in ratios) >= share * len(ratios)


@pytest.mark.parametrize("sd", [0.03, 0.1, 0.2])
def test_the_check_finds_nothing_in_95_of_100_equal_pairs_on_a_busy_machine(sd: float) -> None:
    ratios = [check_in_noise(seed, 0.0, sd) for seed in range(200)]
    assert sum(ratio.is_shown for ratio in ratios) <= 0.05 * len(ratios)


def test_the_check_goes_on_while_its_interval_is_too_wide_and_stops_at_a_limit() -> None:
    wide = [1.0, 3.0] * 8
    times = {PLAIN: wide, AGAIN: wide[::-1], SLOWED: wide[::-1]}
    assert method_check.is_due(times, 1)
    assert not method_check.is_due(dict.fromkeys(VARIANTS, wide), 1)  # equal pairs
    assert not method_check.is_due({name: many * 5 for name, many in times.items()}, 1)


def test_pairs_share_what_slows_both_down() -> None:
    loads = np.exp(np.random.default_rng(0).normal(0, 0.5, 20))
    ratio = paired_ratio(list(loads * 1.1), list(loads))
    assert ratio.value == pytest.approx(1.1)
    assert ratio.is_shown
    assert not ratio_interval(list(loads * 1.1), list(loads)).is_shown
    assert not paired_ratio([2.0, 2.0, 2.0], [1.0, 1.0, 1.0]).is_shown  # too few


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
