"""Values that are sent between client and pods arrive unchanged."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.serialize import from_text, parse_stage, plain_stage, to_text
from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage
from dvc_bridge.remote_run.task import PlannedTask, TaskStage, Upstream, parse_task, plan_file

keys = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none())
scalars = st.one_of(keys, st.floats(allow_nan=False), st.integers(min_value=2**64))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


def types(value: Any) -> Any:
    if isinstance(value, dict):
        return [(types(key), types(inner)) for key, inner in value.items()]
    return [types(inner) for inner in value] if isinstance(value, list) else (type(value), value)


@given(values)
def test_any_value_of_a_parameter_comes_back_with_its_types_and_order(value: Any) -> None:
    assert types(from_text(to_text(value))) == types(value)


def test_what_is_not_a_number_comes_back() -> None:
    assert math.isnan(from_text(to_text({"x": math.nan}))["x"])
    assert from_text(to_text(-math.inf)) == -math.inf


def test_a_container_that_a_value_holds_twice_is_one_object_afterwards() -> None:
    shared = {"a": [1]}
    back = from_text(to_text({"one": shared, "two": shared, "other": {"a": [1]}}))
    assert back["one"] is back["two"]
    assert back["other"] is not back["one"]
    assert back == {"one": shared, "two": shared, "other": shared}


def test_each_pod_finds_its_own_line_of_the_plan() -> None:
    stage = Stage(
        file="sub/dvc.yaml",
        name="ü",
        cmd=["a", "b"],
        wdir="sub",
        deps=(Dependency("x", "sub/x"),),
        params=(Params("params.yaml", "sub/params.yaml", ("p",)),),
        outs=(Output("y", "sub/y", cached=False),),
        data={"cmd": ["a", "b"]},
        lock={"cmd": "old", "params": {"params.yaml": {1: math.inf}}},
    )
    result = Result("up", Outcome.RAN, {"cmd": "c"}, {"y": {"run": 0o755}})
    upstream = Upstream(Stage("dvc.yaml", "up"), result)
    entries = [
        PlannedTask(TaskNumber(0), (), (), "3.67.1"),
        PlannedTask(
            TaskNumber(1),
            (TaskStage(stage, frozenset({"y"})),),
            (upstream,),
            "3.67.1",
            root="sub",
            jobs=2,
        ),
    ]
    plan, words = plan_file(entries)
    for entry, word in zip(entries, words, strict=True):
        number, start, length = map(int, word.split(":"))
        found = parse_task(plan[start : start + length])
        assert found == entry
        assert number == entry.number
    (task,) = parse_task(plan.splitlines()[2]).tasks
    assert (task.stage.data, task.stage.lock) == (stage.data, stage.lock)


def test_files_outside_the_project_have_the_same_place_in_a_copy_of_the_repository() -> None:
    home = "/home/user/repository"
    stage = Stage(
        file="sub/dvc.yaml",
        name="a",
        wdir="sub",
        deps=(
            Dependency("../../shared/x", f"{home}/shared/x", local=False),
            Dependency("/data/x", "/data/x", local=False),
            Dependency("s3://bucket/x", "s3://bucket/x", local=False),
        ),
        params=(Params("../../params.yaml", f"{home}/params.yaml", ("p",)),),
    )
    sent = parse_stage(from_text(to_text(plain_stage(stage))))
    assert [dep.at for dep in sent.deps] == ["../shared/x", "/data/x", "s3://bucket/x"]
    assert [params.at for params in sent.params] == ["../params.yaml"]
    assert [dep.path for dep in sent.deps] == [dep.path for dep in stage.deps]
