"""METG is the task's length at which half of the time is overhead."""

from __future__ import annotations

import pytest

from benchmarks.comparison.graph import schedule_length
from benchmarks.comparison.graphs import chain, fan_out, graph_of, tree
from benchmarks.comparison.metg import find_metg_s, next_task_s


@pytest.mark.parametrize(("start_s", "per_task_s"), [(0.5, 0.1), (2.0, 0.0), (0.0, 0.4)])
def test_metg_is_where_the_run_takes_twice_the_ideal_time(
    start_s: float, per_task_s: float
) -> None:
    n_rounds = 8
    overhead_s = start_s + per_task_s * n_rounds
    task_s = next_task_s(overhead_s, n_rounds)
    points = [(0.0, overhead_s), (task_s, overhead_s + n_rounds * task_s)]
    assert find_metg_s(points, n_rounds) == pytest.approx(overhead_s / n_rounds)


def test_a_toolchain_that_runs_one_task_at_a_time_needs_longer_tasks() -> None:
    points = [(0.0, 1.0), (0.1, 1.0 + 10 * 0.1)]
    alone_s, parallel_s = (find_metg_s(points, n_rounds) or 0 for n_rounds in (8, 10))
    assert alone_s > parallel_s > 0


def test_less_than_half_of_the_ideal_speed_has_no_metg() -> None:
    assert find_metg_s([(0.0, 1.0), (1.0, 17.1)], n_rounds=8) is None


def test_the_ideal_time_is_bounded_by_cores_and_by_the_longest_path() -> None:
    lengths = [
        schedule_length(graph_of(parents, "spin", 0), 2)
        for parents in (chain(5), fan_out(10), fan_out(11), tree(3))
    ]
    assert lengths == [5, 5, 6, 4]
