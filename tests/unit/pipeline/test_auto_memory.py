"""`memory: {auto: ...}`: requests follow what earlier runs used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dvc_bridge.app.check_manifest import _masked
from dvc_bridge.app.run_trace import Origin, _killed_bytes
from dvc_bridge.errors import UsageError
from dvc_bridge.local.memory_history import MemoryHistory, parse_seen, seen_text
from dvc_bridge.pipeline.auto_memory import KEPT, SeenMemory, fitting_memory
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.run_status import Phase, TaskStatus
from dvc_bridge.pipeline.stage import Dependency, Output, Stage
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.pipeline.trace import Execution, StageTrace
from dvc_bridge.planning.graph import pipeline_of
from dvc_bridge.planning.grouping.group_stages import Costs
from dvc_bridge.planning.grouping.tasks_from_settings import Division, divide_into_tasks

MIB = 2**20
PIPELINE = pipeline_of(
    [
        Stage("dvc.yaml", "prep", cmd="true", outs=(Output("a", "a"),)),
        Stage("dvc.yaml", "train", cmd="true", deps=(Dependency("a", "a"),)),
    ]
)


def _division(seen: dict[str, SeenMemory], fuse: Fuse = Fuse.NONE, **keys: Any) -> Division:
    settings = parse_settings({"image": "i", "stages": {"*": {"memory": {"auto": "2Gi"}} | keys}})
    settings.check(stage.address for stage in PIPELINE.stages)
    positions = PIPELINE.positions
    return divide_into_tasks(PIPELINE, positions, settings, {}, Costs(), fuse, seen=seen)


def _train(seen: SeenMemory | None, **keys: Any) -> tuple[str, ...]:
    """Return the memory of each attempt of the stage `train`."""
    division = _division({"train": seen} if seen else {}, **keys)
    pod = division.groups[1].pod
    memories = pod.memories or (str(pod.memory),)
    assert memories == division.memory[TaskNumber(1)].memories
    return memories


def test_the_first_value_holds_until_a_run_was_measured() -> None:
    assert _train(None) == ("2Gi",)
    assert _train(SeenMemory((1000 * MIB, 500 * MIB))) == ("1408Mi",)  # 1.25 * 1000 + 96
    reasons = [choice.reason for choice in _division({"train": SeenMemory((MIB,))}).memory.values()]
    assert reasons == ["no run of prep was measured", "train used at most 1 MiB"]


def test_it_is_never_less_than_the_worker_itself_needs() -> None:
    assert fitting_memory(0) == "128Mi"
    assert _train(SeenMemory((1,))) == ("128Mi",)


def test_a_stage_that_was_killed_gets_more_than_that() -> None:
    seen = SeenMemory((100 * MIB,), killed_bytes=2048 * MIB)
    assert _train(seen) == ("2688Mi",)
    reason = _division({"train": seen}).memory[TaskNumber(1)].reason
    assert reason == "train was killed at 2,048 MiB because it needed more"


@pytest.mark.parametrize(
    ("keys", "memories"),
    [
        ({"memory_growth": 2}, ("768Mi", "1536Mi", "3072Mi")),
        ({"memory_growth": 2, "memory_max": "2Gi"}, ("768Mi", "1536Mi", "2Gi")),
        ({"memory": {"auto": ["512Mi", "1Gi", "4Gi"]}}, ("768Mi", "1Gi", "4Gi")),
    ],
)
def test_attempts_grow_from_what_was_measured(
    keys: dict[str, Any], memories: tuple[str, ...]
) -> None:
    assert _train(SeenMemory((500 * MIB,)), **keys) == memories


def test_stages_of_one_task_get_the_memory_of_the_largest() -> None:
    seen = {"prep": SeenMemory((3000 * MIB,)), "train": SeenMemory((100 * MIB,))}
    (group,) = _division(seen, Fuse.CHAINS).groups
    assert group.pod.memory == "3904Mi"
    (group,) = _division({"train": seen["train"]}, Fuse.CHAINS).groups
    assert group.pod.memory == "2Gi"  # the other has not been measured


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"memory": "auto"}, "or {auto: 2Gi}, in which 2Gi is the memory while no run"),
        ({"memory": {"auto": None}}, "a Kubernetes quantity"),
        ({"memory": {"auto": "1Gi", "max": "2Gi"}}, "or {auto: 2Gi}"),
        ({"memory_limit": "4Gi"}, "memory_limit needs a memory that is written down"),
    ],
)
def test_what_it_cannot_mean_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        _division({}, **keys)
    assert said in refused.value.message


def test_only_the_newest_peaks_count_but_a_kill_is_not_forgotten(tmp_path: Path) -> None:
    for peak in (5000, *range(1, KEPT + 1)):
        history = MemoryHistory(tmp_path)
        history.add("train", SeenMemory((peak * MIB,)))
        history.save()
    assert MemoryHistory(tmp_path).seen["train"].largest_bytes == KEPT * MIB
    history.add("train", SeenMemory(killed_bytes=700 * MIB))
    assert history.seen["train"].largest_bytes == 700 * MIB
    assert parse_seen(seen_text(history.seen).encode()) == history.seen
    assert parse_seen(b'{"train": 3}') == parse_seen(b"damaged") == parse_seen(b"[" * 10**5) == {}
    assert parse_seen(b'{"a": {"peaks": [1e999]}}') == parse_seen(b'{"a": {"killed": -1}}') == {}


@pytest.mark.parametrize(
    ("limits", "raises", "out_of_memory", "exit_code", "killed"),
    [
        (True, True, 1, None, 1024),  # it grew and then succeeded
        (True, True, 2, None, 2048),
        (True, True, 0, 137, 2048),  # the kernel killed the command, not the worker
        (True, True, 0, 1, 0),
        (True, False, 1, None, 2048),  # it has the largest memory from the start
        (False, False, 0, -9, 0),
    ],
)
def test_the_memory_of_a_killed_attempt_is_known(
    *, limits: bool, raises: bool, out_of_memory: int, exit_code: int | None, killed: int
) -> None:
    resources = Resources(memory="1Gi", memories=("1Gi", "2Gi"))
    task = TaskStatus(TaskNumber(0), Phase.SUCCEEDED, attempts=2, out_of_memory=out_of_memory)
    stage = StageTrace("train", "ran", execution=Execution(0, exit_code=exit_code), attempts=2)
    origin = Origin("any", 0, limits_memory=limits, raises_memory=raises)
    assert _killed_bytes(stage, task, resources, origin) == killed * MIB


def test_a_committed_manifest_is_not_out_of_date_because_of_other_runs() -> None:
    argo = 'limits: {{\n  memory: {}\npatch: \'{{"memory": "{}"}}\'\nsbatch --mem={}M --time=1'
    assert _masked(argo.format("1Gi", "2Gi", 512)) == _masked(argo.format("3Gi", "4Gi", 64))
    assert _masked(argo.format("1Gi", "2Gi", 512)) != _masked(argo.format("1Gi", "2Gi", 512) + "0")
