"""Stages that share a pod: the order is always valid, and the run is never longer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvc_bridge.pipeline.fuse import Fuse
from dvc_bridge.pipeline.numbering import StagePosition
from dvc_bridge.pipeline.task_settings import Resources
from dvc_bridge.planning.grouping.group_stages import (
    Costs,
    Group,
    Node,
    group_stages,
    predicted_wall_s,
)

COSTS = Costs()
PODS = (Resources(), Resources(cpu="1"), Resources(image="gpu:1", gpu=1))


def node(
    position: int,
    *waits_for: int,
    seconds: float | None = None,
    pod: Resources = PODS[0],
    mutexes: frozenset[str] = frozenset(),
) -> Node:
    return Node(
        StagePosition(position), tuple(map(StagePosition, waits_for)), seconds, pod, mutexes
    )


def diamond(parallel: float | None, others: float | None) -> list[Node]:
    return [
        node(10, seconds=others),
        *(node(p, 10, seconds=parallel) for p in (11, 12, 13)),
        node(14, 11, 12, 13, seconds=others),
        node(15, 14, seconds=others),
    ]


def stages(groups: Sequence[Group]) -> list[tuple[int, ...]]:
    return [group.positions for group in groups]


def above(groups: Sequence[Group], *, order: bool) -> list[set[int]]:
    """For each group, all groups that it waits for; with `order`, those of mutexes too."""
    found: list[set[int]] = []
    for group in groups:
        direct = {*group.needs, *(group.after if order else ())}
        assert all(number < group.number for number in direct)
        found.append(direct.union(*(found[number] for number in direct)))
    return found


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    count = draw(st.integers(0, 24))
    nodes = []
    for i in range(count):
        back = st.integers(max(0, i - draw(st.sampled_from([2, 6, 24]))), i - 1)
        waits = draw(st.sets(back, max_size=3)) if i else set()
        seconds = draw(st.sampled_from([None, 0.0, 0.3, 2.0, 9.0, 60.0]))
        words = draw(st.frozensets(st.sampled_from(["gpu", "net"]), max_size=1))
        pod = draw(st.sampled_from(PODS))
        after = [3 * p for p in sorted(waits)]
        nodes.append(node(3 * i, *after, seconds=seconds, pod=pod, mutexes=words))
    return nodes


COSTS_OF_ALL_KINDS = st.builds(
    Costs,
    layer_s=st.sampled_from([0.0, 1.0, 10.0]),
    create_s=st.sampled_from([0.0, 0.1, 3.0]),
    wave_s=st.sampled_from([0.0, 15.0]),
    slots=st.sampled_from([1, 3, 300]),
    pods=st.sampled_from([1, 4, 300]),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(graphs(), st.sampled_from(Fuse), COSTS_OF_ALL_KINDS)
def test_every_stage_is_in_one_group_after_all_that_it_waits_for(
    nodes: list[Node], fuse: Fuse, costs: Costs
) -> None:
    groups = group_stages(nodes, fuse, costs)
    where = {position: group for group in groups for position in group.positions}
    assert sorted(p for g in groups for p in g.positions) == [n.position for n in nodes]
    assert [group.number for group in groups] == list(range(len(groups)))
    needed, ended = above(groups, order=False), above(groups, order=True)
    for found in nodes:
        own = where[found.position]
        assert own.pod == found.pod
        assert list(own.positions) == sorted(own.positions)
        for other in found.waits_for:
            assert where[other] is own or where[other].number in needed[own.number]
    for one, two in combinations(nodes, 2):
        first, second = where[one.position], where[two.position]
        if one.mutexes & two.mutexes and first is not second:
            assert first.number in ended[second.number] or second.number in ended[first.number]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(graphs(), COSTS_OF_ALL_KINDS)
def test_more_joining_never_makes_the_predicted_run_longer(nodes: list[Node], costs: Costs) -> None:
    found = [group_stages(nodes, fuse, costs) for fuse in (Fuse.AUTO, Fuse.CHAINS, Fuse.NONE)]
    auto, chains, none = (predicted_wall_s(groups, nodes, costs) for groups in found)
    assert auto <= chains * (1 + 1e-9)
    assert chains <= none * (1 + 1e-9)
    assert len(found[0]) <= len(found[1]) <= len(found[2]) == len(nodes)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(graphs(), st.sampled_from(Fuse))
def test_a_group_names_no_group_that_another_of_its_needs_names_already(
    nodes: list[Node], fuse: Fuse
) -> None:
    groups = group_stages(nodes, fuse, COSTS)
    needed = above(groups, order=False)
    for group in groups:
        assert not any(a in needed[b] for a in group.needs for b in group.needs)
        assert not set(group.needs) & set(group.after)


@pytest.mark.parametrize("seconds", [None, 0.05])
def test_a_diamond_of_trivial_stages_is_one_pod(seconds: float | None) -> None:
    groups = group_stages(diamond(seconds, seconds), Fuse.AUTO, COSTS)
    assert stages(groups) == [(10, 11, 12, 13, 14, 15)]


def test_parallel_stages_of_a_minute_keep_pods_of_their_own() -> None:
    for fuse in (Fuse.AUTO, Fuse.CHAINS):
        groups = group_stages(diamond(60, 0.1), fuse, COSTS)
        assert stages(groups) == [(10,), (11,), (12,), (13,), (14, 15)]
        assert groups[4].needs == (1, 2, 3)


def test_stages_never_timed_count_as_the_median_of_the_others() -> None:
    nodes = [node(p, 10, seconds=60) for p in (20, 21, 22)]
    groups = group_stages([*diamond(None, None), *nodes], Fuse.AUTO, COSTS)
    assert {(11,), (12,), (13,)} <= set(stages(groups))


def test_a_chain_with_a_short_cut_is_a_chain() -> None:
    nodes = [node(0), node(1, 0), node(2, 0, 1), node(3, 2, 0)]
    assert stages(group_stages(nodes, Fuse.CHAINS, COSTS)) == [(0, 1, 2, 3)]


def test_none_is_a_pod_a_stage() -> None:
    assert len(group_stages(diamond(0, 0), Fuse.NONE, COSTS)) == 6


def test_a_stage_with_other_settings_gets_another_pod() -> None:
    nodes = [node(0), node(1, 0, pod=PODS[2]), node(2, 1)]
    for fuse in Fuse:
        assert stages(group_stages(nodes, fuse, COSTS)) == [(0,), (1,), (2,)]


def test_pods_of_one_mutex_follow_each_other_without_needing_each_other() -> None:
    gpu = frozenset({"gpu"})
    nodes = [node(0, mutexes=gpu), node(1), node(2, 1, mutexes=gpu), node(3, mutexes=gpu)]
    groups = group_stages(nodes, Fuse.NONE, COSTS)
    assert [(g.needs, g.after) for g in groups] == [((), ()), ((), ()), ((1,), (0,)), ((), (2,))]


def test_many_small_stages_side_by_side_share_few_pods_and_take_less_time() -> None:
    nodes = [
        node(0),
        *(node(p, 0, seconds=0.0) for p in range(1, 1001)),
        node(1001, *range(1, 1001)),
    ]
    groups = group_stages(nodes, Fuse.AUTO, COSTS)
    assert len(groups) <= 100
    assert predicted_wall_s(groups, nodes, COSTS) < 60


# Runs of equal trivial stages with Argo's default controller on a node with two CPUs: number of
# pods, stages in each of them, pods at a time, and the seconds from submit to the end.
WAVES = [
    (24, 1, 6, 82),
    (60, 1, 6, 228),
    (13, 2, 6, 53),
    (12, 2, 6, 32),
    (8, 8, 6, 46),
    (6, 4, 6, 22),
]


@pytest.mark.parametrize(("pods", "stages_each", "slots", "took_s"), WAVES)
def test_the_prediction_counts_waves_of_pods(
    pods: int, stages_each: int, slots: int, took_s: float
) -> None:
    chains = [
        node(p, *((p - 1,) if p % stages_each else ()), seconds=0.1)
        for p in range(pods * stages_each)
    ]
    costs = Costs(slots=slots)
    groups = group_stages(chains, Fuse.CHAINS, costs)
    assert len(groups) == pods
    assert predicted_wall_s(groups, chains, costs) == pytest.approx(took_s, rel=0.25)


@pytest.mark.parametrize("count", [24, 60])
def test_stages_are_merged_until_their_pods_have_room_at_the_same_time(count: int) -> None:
    nodes = [node(p, seconds=3.0) for p in range(count)]
    costs = Costs(slots=6)
    assert len(group_stages(nodes, Fuse.AUTO, costs)) <= 6
    assert len(group_stages(nodes, Fuse.AUTO, Costs())) > 6


def test_long_stages_take_several_waves_if_one_would_be_longer() -> None:
    nodes = [node(p, seconds=600.0) for p in range(7)]
    assert len(group_stages(nodes, Fuse.AUTO, Costs(slots=6))) == 7


def wide(count: int, width: int) -> list[Node]:
    """Layers of `width` stages; each stage depends on two adjacent stages of the previous layer."""
    nodes = []
    for i in range(count):
        row, column = divmod(i, width)
        waits = {(row - 1) * width + (column + d) % width for d in (0, 1)} if row else set()
        nodes.append(node(i, *sorted(waits), seconds=1.0 + i % 7))
    return nodes


@pytest.mark.parametrize("width", [20_000, 5_000])
def test_the_work_for_twenty_thousand_stages_grows_with_their_number(width: int) -> None:
    seconds = []
    for part in (4, 1):
        nodes = wide(20_000 // part, width // part)
        begin = time.process_time()
        groups = group_stages(nodes, Fuse.AUTO, COSTS)
        seconds.append(time.process_time() - begin)
    # In proportion it is 4, and 16 with the square. A busy machine slows both.
    assert seconds[1] < 10 * seconds[0]
    assert len(groups) <= COSTS.pods
