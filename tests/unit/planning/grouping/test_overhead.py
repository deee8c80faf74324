"""Predictions that learn from the overhead of the tasks of an earlier run."""

from __future__ import annotations

import pytest

from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.stage import Output, Stage
from dvc_bridge.planning.graph import pipeline_of
from dvc_bridge.planning.grouping.cost_model import Costs
from dvc_bridge.planning.grouping.overhead import MOST, measure_overhead, measure_wave_s
from dvc_bridge.planning.grouping.tasks_from_settings import Division, divide_into_tasks

COSTS = Costs(layer_s=2, pod_s=3, create_s=0, stage_s=1)
PIPELINE = pipeline_of([Stage("dvc.yaml", n, cmd="true", outs=(Output(n, n),)) for n in ("a", "b")])
SETTINGS = parse_settings({})
SECONDS = {"a": 10.0, "b": 20.0}


def divided(overhead: float = 1.0) -> Division:
    costs = COSTS.with_overhead(overhead)
    return divide_into_tasks(
        PIPELINE, PIPELINE.positions, SETTINGS, SECONDS, COSTS, Fuse.NONE, last_costs=costs
    )


def observed(first: float, second: float, **seconds: float) -> float | None:
    took_s = {TaskNumber(0): first, TaskNumber(1): second}
    return measure_overhead(PIPELINE, divided(), COSTS, SECONDS | seconds, took_s)


def test_tasks_that_cost_what_was_expected_change_no_prediction() -> None:
    assert observed(14, 24) == pytest.approx(1)


def test_the_overhead_of_a_run_is_expected_of_the_next_one() -> None:
    overhead = observed(18, 28)
    assert overhead == pytest.approx(2)
    # The longest task: a layer, then its command and twice the overhead of its stage.
    assert divided(overhead or 0).wall_s == pytest.approx(2 + 20 + 2 * 1)
    assert divided(overhead or 0).groups == divided().groups


def test_commands_that_took_longer_are_no_overhead() -> None:
    assert observed(104, 24, a=100.0) == pytest.approx(1)


def test_an_absurd_overhead_is_limited() -> None:
    assert observed(10_000, 24) == MOST


def test_a_run_without_complete_tasks_says_nothing() -> None:
    assert measure_overhead(PIPELINE, divided(), COSTS, {}, {TaskNumber(0): 14.0}) is None


def test_the_time_from_an_end_to_the_next_start_is_that_of_a_slot_between_two_tasks() -> None:
    waves = [(0.0, 4.0), (0.5, 5.0), (10.0, 14.0), (10.5, 15.0), (20.0, 24.0), (21.0, 26.0)]
    assert measure_wave_s(waves[::-1], 2) == pytest.approx(6)  # of 6, 5.5, 6 and 6
    assert measure_wave_s(waves, 6) is None


def test_a_task_that_starts_before_another_has_ended_waited_for_no_slot() -> None:
    assert measure_wave_s([(0, 9), (1, 9), (2, 9)], 2) == 0
