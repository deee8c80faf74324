"""Stages that share a mutex or a limit: how many of them may run at a time."""

from __future__ import annotations

from dvc_bridge.pipeline.numbering import RunIndex
from dvc_bridge.planning.schedule import Schedule

NOTHING: list[list[RunIndex]] = [[], [], [], []]
ALL = [RunIndex(i) for i in range(4)]


def take_all(schedule: Schedule) -> list[int]:
    taken = []
    while schedule.ready:
        taken.append(schedule.take())
    return [int(index) for index in taken]


def test_at_most_as_many_stages_run_as_the_limit_allows() -> None:
    schedule = Schedule(NOTHING, NOTHING, [(ALL, 2)])
    assert take_all(schedule) == [0, 1]
    schedule.ended(RunIndex(1))
    assert take_all(schedule) == [2]
    schedule.ended(RunIndex(0))
    schedule.ended(RunIndex(2))
    assert take_all(schedule) == [3]


def test_a_stage_runs_only_if_all_its_limits_have_room() -> None:
    first, second = ALL[:2], ALL[1:]
    schedule = Schedule(NOTHING, NOTHING, [(first, 1), (second, 2)])
    assert take_all(schedule) == [0, 2, 3]
    schedule.ended(RunIndex(0))
    assert take_all(schedule) == []
    schedule.ended(RunIndex(2))
    assert take_all(schedule) == [1]


def test_a_skipped_stage_does_not_free_the_place_of_one_that_runs() -> None:
    needs = [[], [RunIndex(0)], [], []]
    schedule = Schedule(needs, needs, [(ALL[1:], 1)])
    assert take_all(schedule) == [0, 2]
    assert schedule.skip_dependents(RunIndex(0)) == [1]
    schedule.ended(RunIndex(0))
    assert take_all(schedule) == []
    schedule.ended(RunIndex(2))
    assert take_all(schedule) == [3]
