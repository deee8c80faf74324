"""What the check of the method is: the same toolchain again, and with a planted slowdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.comparison.graphs import chain, graph_of
from benchmarks.comparison.statistics import paired_ratio
from benchmarks.comparison.workload import Workload

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
