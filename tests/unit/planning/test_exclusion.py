"""Mutexes and limits of remote runs: tasks and the stages in them keep to both."""

from __future__ import annotations

from itertools import combinations

import pytest

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.parse_settings import parse_settings
from dvc_bridge.pipeline.stage import Output, Pipeline, Stage
from dvc_bridge.planning.exclusion import exclusive_groups
from dvc_bridge.planning.graph import pipeline_of
from dvc_bridge.planning.grouping.group_stages import Costs, Group
from dvc_bridge.planning.grouping.tasks_from_settings import divide_into_tasks

SETTINGS = parse_settings({"image": "i", "limits": {"part@*": 2}, "jobs": 3})


def parts(count: int) -> Pipeline:
    names = [f"part@{n}" for n in range(count)]
    return pipeline_of([Stage("dvc.yaml", n, cmd="true", outs=(Output(n, n),)) for n in names])


def may_run_together(groups: tuple[Group, ...], *numbers: int) -> bool:
    """Return whether no task waits for another one, directly or not."""
    before: dict[int, set[int]] = {}
    for group in groups:
        direct = {int(n) for n in (*group.needs, *group.after)}
        before[group.number] = direct.union(*(before[n] for n in direct))
    return not any(one in before[other] for one in numbers for other in numbers)


@pytest.mark.parametrize("fuse", list(Fuse))
def test_no_more_tasks_run_at_a_time_than_the_limit_allows(fuse: Fuse) -> None:
    pipeline = parts(7)
    groups = divide_into_tasks(pipeline, pipeline.positions, SETTINGS, {}, Costs(), fuse).groups
    pairs = combinations([group.number for group in groups], 2)
    assert fuse is Fuse.AUTO or any(may_run_together(groups, *pair) for pair in pairs)
    triples = combinations([group.number for group in groups], 3)
    assert not any(may_run_together(groups, *triple) for triple in triples)


def test_a_limit_of_two_is_two_groups_of_which_one_stage_runs_at_a_time() -> None:
    pipeline = parts(5)
    positions = [pipeline.positions[n] for n in (4, 2, 1)]
    assert exclusive_groups(pipeline, positions, SETTINGS) == (frozenset({"part@1", "part@4"}),)
    assert exclusive_groups(pipeline, reversed(positions), SETTINGS) == exclusive_groups(
        pipeline, positions, SETTINGS
    )


def test_only_limits_that_matter_are_groups_of_a_local_run() -> None:
    addresses = ["part@0", "part@1", "other"]
    assert SETTINGS.limited_groups(addresses) == ()
    assert SETTINGS.limited_groups([*addresses, "part@2"]) == (
        (frozenset({"part@0", "part@1", "part@2"}), 2),
    )
    assert SETTINGS.jobs == 3


@pytest.mark.parametrize("limits", [{"part@*": 0}, {"part@*": "2"}, ["part@*"], {"part@*": True}])
def test_a_limit_is_a_number_from_one(limits: object) -> None:
    with pytest.raises(UsageError, match="limits must be"):
        parse_settings({"limits": limits})


def test_the_glob_of_a_limit_must_match_a_stage() -> None:
    with pytest.raises(UsageError, match=r"limits.part@\* matches no stage"):
        SETTINGS.check(["other"])
