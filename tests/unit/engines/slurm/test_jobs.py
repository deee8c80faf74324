"""The division of tasks into jobs and job arrays, and their dependencies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dvc_bridge.engines.slurm.jobs import Job, JobTask, group_jobs
from dvc_bridge.pipeline.numbering import TaskNumber

IDS = [str(100 + number) for number in range(1000)]


def task(
    number: int, upstream: Iterable[int] = (), after: Iterable[int] = (), options: str = "--x"
) -> JobTask:
    """Return a task that waits for others."""
    needs, later = tuple(map(TaskNumber, upstream)), tuple(map(TaskNumber, after))
    return JobTask(TaskNumber(number), f"{number}:0:1", needs, later, (options,), 2)


def shapes(jobs: Iterable[Job]) -> list[tuple[str, str]]:
    """Return the array and the dependency of each job."""
    return [(job.array() if job.is_array else "", job.dependency(IDS)) for job in jobs]


def test_a_thousand_equal_tasks_of_one_layer_are_one_array() -> None:
    tasks = [task(0), *(task(n, [0]) for n in range(1, 1001)), task(1001, range(1, 1001))]
    assert shapes(group_jobs(tasks, 1000)) == [
        ("", ""),
        ("0-999", "afterok:100"),
        ("", "afterok:101"),
    ]


def test_an_array_has_no_more_indexes_than_the_site_allows() -> None:
    jobs = group_jobs([task(n) for n in range(25)], 10)
    assert [len(job.tasks) for job in jobs] == [10, 10, 5]


def test_each_task_of_an_array_waits_for_its_counterpart_alone() -> None:
    first = [task(n) for n in range(4)]
    second = [task(4 + n, [n]) for n in range(4)]
    assert shapes(group_jobs([*first, *second], 1000)) == [("0-3", ""), ("0-3", "aftercorr:100")]


def test_an_array_has_gaps_where_tasks_have_no_counterpart() -> None:
    jobs = group_jobs([*(task(n) for n in range(4)), task(4, [0]), task(5, [2])], 1000)
    assert shapes(jobs) == [("0-3", ""), ("0,2", "aftercorr:100")]
    assert jobs[1].arguments() == ["1", "2", "-", "-", "4:0:1", "-", "5:0:1"]


def test_tasks_with_other_attempts_are_in_another_array() -> None:
    growing = [replace(task(n), memories=(100, 200), timeouts=(60, 90)) for n in (2, 3)]
    jobs = group_jobs([task(0), task(1), *growing], 1000)
    assert [job.arguments()[1:4] for job in jobs] == [["2", "-", "-"], ["2", "100,200", "60,90"]]


def test_two_tasks_that_wait_for_the_same_task_of_an_array_are_in_different_arrays() -> None:
    first = [task(n) for n in range(3)]
    second = [task(3 + n, [n % 3]) for n in range(6)]
    jobs = group_jobs([*first, *second], 1000)
    assert shapes(jobs) == [("0-2", ""), ("0-2", "aftercorr:100"), ("0-2", "aftercorr:100")]


def test_tasks_that_need_different_resources_are_in_different_jobs() -> None:
    jobs = group_jobs([task(0), task(1), task(2, options="--mem=1M")], 1000)
    assert shapes(jobs) == [("0-1", ""), ("", "")]


def test_a_task_that_shares_a_mutex_waits_for_the_end_of_the_other() -> None:
    jobs = group_jobs([task(0), task(1, [], [0]), task(2, [0], [1])], 1000)
    assert [job.dependency(IDS) for job in jobs] == ["", "afterany:100", "afterok:100,afterany:101"]


def test_a_task_waits_for_single_tasks_of_arrays() -> None:
    jobs = group_jobs([*(task(n) for n in range(4)), task(4, [0, 3])], 1000)
    assert jobs[1].dependency(IDS) == "afterok:100_0:100_3"


@st.composite
def graphs(draw: st.DrawFn) -> list[JobTask]:
    """Return tasks that wait for earlier ones."""
    tasks: list[JobTask] = []
    for number in range(draw(st.integers(1, 14))):
        others = st.sets(st.integers(0, number - 1), max_size=4) if number else st.just(set())
        options = draw(st.sampled_from(["--a", "--b"]))
        tasks.append(task(number, sorted(draw(others)), sorted(draw(others)), options))
    return tasks


@given(tasks=graphs(), most=st.integers(1, 5))
def test_each_task_waits_for_exactly_what_it_needs(tasks: list[JobTask], most: int) -> None:
    jobs = group_jobs(tasks, most)
    at = {(job.number, index): t.number for job in jobs for index, t in job.tasks.items()}
    assert sorted(at.values()) == [t.number for t in tasks]
    for job in jobs:
        assert len(job.tasks) <= most
        assert {t.options for t in job.tasks.values()} == {job.options}
        for index, one in job.tasks.items():
            upstream = {at[other, index] for other in job.aftercorr} | _awaited(job.afterok, jobs)
            assert upstream == set(one.upstream)
            assert _awaited(job.afterany, jobs) == set(one.after)
        assert all(other < job.number for other, _ in (*job.afterok, *job.afterany))


def _awaited(awaited: Iterable[tuple[int, int | None]], jobs: list[Job]) -> set[TaskNumber]:
    found: set[TaskNumber] = set()
    for number, index in awaited:
        tasks = jobs[number].tasks
        found |= {t.number for i, t in tasks.items() if index in (None, i)}
    return found
