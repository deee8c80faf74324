"""Divide the tasks of a run into jobs: equal tasks that wait for the same become one job array.

A thousand tasks are then a handful of calls of sbatch. In an array each task waits for the tasks
that all of them need (`afterok`), or for its counterpart, the task with the same index in an
earlier array (`aftercorr`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.ranges import ranges

# A job, and an index of its array; None: the whole job.
Awaited = tuple[int, int | None]


@dataclass(frozen=True, slots=True)
class JobTask:
    """What a job needs to know about a task.

    Parameters
    ----------
    reference
        The argument of `dvc-bridge worker`.
    upstream, after
        As in `TaskSpec`; tasks of earlier attempts are left out.
    options
        The options of sbatch for its resources.
    memories, timeouts
        The megabytes and the seconds of each attempt; empty: they do not change.
    """

    number: TaskNumber
    reference: str
    upstream: tuple[TaskNumber, ...]
    after: tuple[TaskNumber, ...]
    options: tuple[str, ...]
    retries: int
    memories: tuple[int, ...] = ()
    timeouts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A job, or a job array, with one task or more.

    Parameters
    ----------
    number
        Its number within the attempt, from 0; a job has a larger number than those it waits for.
    tasks
        The task of each index of the array. A single task has the index 0 and no array.
    afterok
        What must have succeeded before any of its tasks starts.
    aftercorr
        The arrays whose task with the same index must have succeeded.
    afterany
        What must have ended.
    """

    number: int
    tasks: Mapping[int, JobTask]
    afterok: tuple[Awaited, ...] = ()
    aftercorr: tuple[int, ...] = ()
    afterany: tuple[Awaited, ...] = ()

    @property
    def is_array(self) -> bool:
        """Whether it is a job array."""
        return len(self.tasks) > 1

    @property
    def waits(self) -> bool:
        """Whether it waits for other jobs."""
        return bool(self.afterok or self.aftercorr or self.afterany)

    @property
    def options(self) -> tuple[str, ...]:
        """The options for resources, which its tasks share."""
        return next(iter(self.tasks.values())).options

    def arguments(self) -> list[str]:
        """Return the arguments of the script; an unused index has the reference `-`."""
        task = next(iter(self.tasks.values()))
        values = (str(task.retries), _listed(task.memories), _listed(task.timeouts))
        indexes = range(max(self.tasks) + 1)
        references = (self.tasks[i].reference if i in self.tasks else "-" for i in indexes)
        return [str(self.number), *values, *references]

    def array(self) -> str:
        """Return the indexes of the array as sbatch reads them."""
        return ranges(self.tasks)

    def dependency(self, ids: Sequence[str]) -> str:
        """Return the value of --dependency; empty if it waits for nothing.

        Parameters
        ----------
        ids
            SLURM's numbers of the earlier jobs.
        """
        clauses = (
            ("afterok", [_awaited_text(awaited, ids) for awaited in self.afterok]),
            ("aftercorr", [ids[job] for job in self.aftercorr]),
            ("afterany", [_awaited_text(awaited, ids) for awaited in self.afterany]),
        )
        return ",".join(f"{kind}:{':'.join(names)}" for kind, names in clauses if names)


def group_jobs(tasks: Sequence[JobTask], most: int) -> list[Job]:
    """Divide tasks into jobs.

    Parameters
    ----------
    tasks
        In an order in which each comes after the tasks that it waits for.
    most
        The number of indexes that an array may have.
    """
    jobs: list[Job] = []
    place: dict[TaskNumber, tuple[int, int]] = {}
    for layer in _layers(tasks):
        buckets: dict[_Kind, list[tuple[int | None, JobTask]]] = {}
        for task in layer:
            kind, index = _kind_of(task, place, jobs)
            buckets.setdefault(kind, []).append((index, task))
        for kind, members in buckets.items():
            for array in _arrays(members, most):
                job = _job(len(jobs), array, kind)
                jobs.append(job)
                place.update((task.number, (job.number, i)) for i, task in job.tasks.items())
    return jobs


@dataclass(frozen=True, slots=True)
class _Kind:
    """What tasks of one array share."""

    options: tuple[str, ...]
    retries: int
    memories: tuple[int, ...]
    timeouts: tuple[int, ...]
    afterok: tuple[Awaited, ...]
    aftercorr: tuple[int, ...]
    afterany: tuple[Awaited, ...]


def _layers(tasks: Sequence[JobTask]) -> Iterator[list[JobTask]]:
    """Yield the tasks by the length of the longest chain that leads to them."""
    depth: dict[TaskNumber, int] = {}
    layers: list[list[JobTask]] = []
    for task in tasks:
        awaited = (*task.upstream, *task.after)
        depth[task.number] = max((depth[number] + 1 for number in awaited), default=0)
        if depth[task.number] == len(layers):
            layers.append([])
        layers[depth[task.number]].append(task)
    yield from layers


def _kind_of(
    task: JobTask, place: Mapping[TaskNumber, tuple[int, int]], jobs: Sequence[Job]
) -> tuple[_Kind, int | None]:
    """Return what the task shares with others of an array, and its index if that matters."""
    upstream = _awaited([place[number] for number in task.upstream], jobs)
    afterany = _awaited([place[number] for number in task.after], jobs)
    parts = [awaited for awaited in upstream if awaited[1] is not None]
    indexes = {index for _, index in parts}
    is_counterpart = len(indexes) == 1 and len({job for job, _ in parts}) == len(parts)
    own = task.options, task.retries, task.memories, task.timeouts
    if not is_counterpart:
        return _Kind(*own, upstream, (), afterany), None
    whole = tuple(awaited for awaited in upstream if awaited[1] is None)
    corresponding = tuple(job for job, _ in parts)
    return _Kind(*own, whole, corresponding, afterany), indexes.pop()


def _awaited(places: Sequence[tuple[int, int]], jobs: Sequence[Job]) -> tuple[Awaited, ...]:
    """Return the tasks at these places, all tasks of a job as the whole job."""
    by_job: dict[int, set[int]] = {}
    for job, index in places:
        by_job.setdefault(job, set()).add(index)
    awaited: list[Awaited] = []
    for job, indexes in sorted(by_job.items()):
        if len(indexes) == len(jobs[job].tasks):
            awaited.append((job, None))
        else:
            awaited.extend((job, index) for index in sorted(indexes))
    return tuple(awaited)


def _arrays(
    members: Sequence[tuple[int | None, JobTask]], most: int
) -> Iterator[dict[int, JobTask]]:
    """Yield the tasks of each array by index; tasks with counterparts have their index."""
    free = [task for index, task in members if index is None]
    for start in range(0, len(free), most):
        yield dict(enumerate(free[start : start + most]))
    arrays: list[dict[int, JobTask]] = []
    for index, task in members:
        if index is not None:
            array = next((array for array in arrays if index not in array), None)
            if array is None:
                arrays.append(array := {})
            array[index] = task
    yield from arrays


def _job(number: int, array: Mapping[int, JobTask], kind: _Kind) -> Job:
    if len(array) > 1:
        return Job(number, array, kind.afterok, kind.aftercorr, kind.afterany)
    ((index, task),) = array.items()
    counterparts = tuple((job, index) for job in kind.aftercorr)
    afterok = tuple(sorted((*kind.afterok, *counterparts), key=lambda awaited: awaited[0]))
    return Job(number, {0: task}, afterok, (), kind.afterany)


def _listed(values: Sequence[int]) -> str:
    return ",".join(map(str, values)) or "-"


def _awaited_text(awaited: Awaited, ids: Sequence[str]) -> str:
    job, index = awaited
    return ids[job] if index is None else f"{ids[job]}_{index}"
