"""When the stages of a remote run could have started."""

from __future__ import annotations

from dvc_bridge.pipeline.task_times import upstream_tasks, with_queued
from dvc_bridge.pipeline.trace import Execution, StageTrace

STAGES = (
    StageTrace("fast", task=0, execution=Execution(2.0, 3.0)),
    StageTrace("slow", task=0, execution=Execution(3.0, 9.0)),
    StageTrace("inside", waits_for=(0,), task=0, execution=Execution(9.0, 9.5)),
    StageTrace("below", waits_for=(0,), task=1, execution=Execution(10.0, 11.0)),
    StageTrace("known before", waits_for=(3,)),
)


def test_a_stage_can_start_when_the_tasks_upstream_have_ended() -> None:
    queued = {stage.address: stage.queued for stage in with_queued(STAGES, 1.0)}
    # `inside` is in the task of `fast`, and does not wait for all of it.
    expected = {"fast": 1.0, "slow": 1.0, "inside": 3.0, "below": 9.5, "known before": 11.0}
    assert queued == expected


def test_tasks_wait_for_those_of_the_stages_upstream() -> None:
    assert upstream_tasks(STAGES) == {0: set(), 1: {0}}
