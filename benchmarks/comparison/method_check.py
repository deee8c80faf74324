"""Check the method itself: the same toolchain again, and with a planted slowdown."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from benchmarks.comparison.graphs import chain, graph_of
from benchmarks.comparison.measure import measure_once
from benchmarks.comparison.statistics import paired_ratio
from benchmarks.comparison.timed_run import Bench, Sample
from benchmarks.comparison.toolchain import Toolchain
from benchmarks.comparison.workloads import Workload

CHECK, CHECKED = "method-check", "make"
PLAIN, AGAIN, SLOWED = VARIANTS = ("", "again", "slowed")
SLOWDOWN = 0.2
# A round has at least so many checks, and more on a noisy machine, until they are conclusive.
_PER_ROUND, MOST_CHECKS = 16, 80

WORKLOAD = Workload(
    CHECK, "a chain of 8 tasks, 40 MiB hashed in each", graph_of(chain(8), "spin", 40)
)


def is_conclusive(times: Mapping[str, Sequence[float]]) -> bool:
    """Return whether both intervals are narrow enough to show a difference like the planted one.

    It depends on their width only: stopping as soon as a difference is shown would find some in
    equal toolchains.

    Parameters
    ----------
    times
        Seconds by variant; those at the same position were measured directly after each other.
    """
    pairs = (paired_ratio(times[variant], times[PLAIN]) for variant in (AGAIN, SLOWED))
    return all(ratio.would_show(1 + SLOWDOWN) for ratio in pairs)


def is_due(times: Mapping[str, Sequence[float]], number: int) -> bool:
    """Return whether the round with a number needs another check after those that are done."""
    n_done = len(times[PLAIN])
    return n_done < _PER_ROUND * number or (n_done < MOST_CHECKS and not is_conclusive(times))


def measure_check(bench: Bench, toolchain: Toolchain) -> dict[str, Sample]:
    """Return a sample of each variant, measured in random order; none if one of them failed."""
    samples = {}
    for variant in random.sample(VARIANTS, len(VARIANTS)):
        slowdown = SLOWDOWN if variant == SLOWED else 0
        samples[variant] = measure_once(bench, WORKLOAD, CHECKED, toolchain, slowdown)
        if samples[variant].exit_code:
            return {}
    return samples
