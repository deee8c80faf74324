"""What a workload is: tasks with their arguments, inputs and outs, the same for all toolchains."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

# A command runs the program with Python; toolchains whose unit is a function call its main().
WORK_COMMAND, WORK_MODULE = ("python", "-I", "-S", "work.py"), "work"


@dataclass(frozen=True)
class Task:
    """One unit of work.

    Parameters
    ----------
    arguments
        What the program gets; its name is not among them.
    inputs
        The files and folders that it reads: sources, or outs of earlier tasks.
    outs
        The files and folders that it writes.
    """

    name: str
    arguments: tuple[str, ...]
    inputs: tuple[str, ...]
    outs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """Tasks in an order in which they can run one after the other.

    Parameters
    ----------
    sources
        The path of each file that no task writes -> its content; None for files of the repository.
    command
        The beginning of each task's command line; the task's arguments follow.
    module
        The module whose main(arguments) does the work of a task.
    """

    tasks: tuple[Task, ...]
    sources: Mapping[str, str] | None = field(default_factory=dict)
    command: tuple[str, ...] = WORK_COMMAND
    module: str = WORK_MODULE

    def argv(self, task: Task) -> tuple[str, ...]:
        """Return the command line of a task."""
        return (*self.command, *task.arguments)

    @cached_property
    def writer_by_out(self) -> dict[str, Task]:
        """Return the task that writes each out."""
        return {out: task for task in self.tasks for out in task.outs}

    def upstream(self, task: Task) -> tuple[str, ...]:
        """Return the names of the tasks whose outs a task reads."""
        writers = self.writer_by_out
        return tuple(dict.fromkeys(writers[path].name for path in task.inputs if path in writers))

    def with_spin(self, blocks: int) -> Graph:
        """Return the same graph in which every task hashes this many blocks of one MiB."""
        tasks = tuple(
            replace(task, arguments=("spin", str(blocks), *task.arguments[2:]))
            for task in self.tasks
        )
        return replace(self, tasks=tasks)

    @cached_property
    def levels(self) -> list[list[Task]]:
        """Return the tasks by the length of the longest path that leads to them."""
        writers = self.writer_by_out
        level_by_name: dict[str, int] = {}
        levels: list[list[Task]] = []
        for task in self.tasks:
            upstream_levels = [
                level_by_name[writers[path].name] for path in task.inputs if path in writers
            ]
            level = max(upstream_levels, default=-1) + 1
            level_by_name[task.name] = level
            if level == len(levels):
                levels.append([])
            levels[level].append(task)
        return levels

    @property
    def final_outs(self) -> tuple[str, ...]:
        """Return the outs that no task reads."""
        read = {path for task in self.tasks for path in task.inputs}
        return tuple(out for task in self.tasks for out in task.outs if out not in read)

    def to_json(self) -> str:
        """Return the graph as the file `graph.json`, for toolchains whose unit is a function."""
        tasks: Sequence[Mapping[str, Any]] = [
            {
                "name": task.name,
                "arguments": task.arguments,
                "upstream": self.upstream(task),
            }
            for task in self.tasks
        ]
        return json.dumps({"module": self.module, "tasks": tasks}, indent=1)


def schedule_length(graph: Graph, jobs: int) -> int:
    """Return how many tasks' durations the graph needs on `jobs` workers, if all take equally long.

    Tasks start in the order of the graph as soon as their upstream tasks have ended.
    """
    end_by_name: dict[str, int] = {}
    started_at: dict[int, int] = {}
    for task in graph.tasks:
        start = max((end_by_name[name] for name in graph.upstream(task)), default=0)
        while started_at.get(start, 0) == jobs:
            start += 1
        started_at[start] = started_at.get(start, 0) + 1
        end_by_name[task.name] = start + 1
    return max(end_by_name.values(), default=0)
