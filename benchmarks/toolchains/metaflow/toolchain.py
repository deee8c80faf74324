"""Metaflow by hand: a step per level of the graph; a level with several tasks is a foreach."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.comparison.graph import Graph, Task
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit
from benchmarks.comparison.workload import Workload

_HEAD = """\
import importlib

from metaflow import FlowSpec, step

main = importlib.import_module({module!r}).main


def run_task(arguments):
    if main(arguments):
        raise RuntimeError(f"failed: {{arguments}}")


class Comparison(FlowSpec):
"""


def write(graph: Graph, project: Path, jobs: int) -> None:  # noqa: ARG001
    """Write flow.py."""
    head = _HEAD.format(module=graph.module)
    text = render(graph, head, lambda task: list(task.arguments), "run_task({})", "pass")
    (project / "flow.py").write_text(text)


def render(graph: Graph, head: str, describe: Callable[[Task], Any], call: str, join: str) -> str:
    """Return a flow. Where a join would also be a split, Metaflow needs a step between.

    Parameters
    ----------
    head
        The beginning of the flow, up to its class.
    describe
        Returns what the flow knows about a task, as JSON.
    call
        What a step does with the description of its task, which replaces the braces.
    join
        What a join does.
    """
    levels = [[describe(task) for task in level] for level in graph.levels]
    names = [f"level{n}" for n in range(len(levels))]
    # The first and the last step of a flow have fixed names, and are no foreach.
    starts, ends = len(levels[0]) == 1, len(levels[-1]) == 1 and len(levels) > 1
    names[0] = "start" if starts else names[0]
    names[-1] = "end" if ends else names[-1]
    following = [_next(name, level) for name, level in zip(names, levels, strict=True)]
    following.append("" if ends else "self.next(self.end)")
    text = head if starts else head + _step("start", "pass", following[0])
    for n, (name, level) in enumerate(zip(names, levels, strict=True)):
        after = following[n + 1]
        if len(level) == 1:
            text += _step(name, call.format(json.dumps(level[0])), after)
        else:
            text += _step(name, call.format("self.input"), f"self.next(self.join{n})")
            is_split = n + 1 < len(levels) and len(levels[n + 1]) > 1
            text += _step(
                f"join{n}", join, f"self.next(self.split{n})" if is_split else after, "self, inputs"
            )
            text += _step(f"split{n}", "pass", after) if is_split else ""
    text += "" if ends else _step("end", "pass", "")
    return text + '\n\nif __name__ == "__main__":\n    Comparison()\n'


def _next(name: str, level: Sequence[Any]) -> str:
    if len(level) == 1:
        return f"self.next(self.{name})"
    return f"self.tasks = {json.dumps(level)}\n        self.next(self.{name}, foreach='tasks')"


def _step(name: str, body: str, following: str, arguments: str = "self") -> str:
    return (
        f"    @step\n    def {name}({arguments}):\n        {body}\n"
        + (f"        {following}\n" if following else "")
        + "\n"
    )


def list_commands(_graph: Graph, jobs: int) -> list[list[str]]:
    """Return the command of a local run."""
    return [["python", "flow.py", "run", *_limits(jobs)]]


def list_resume_commands(_graph: Graph, jobs: int) -> list[list[str]]:
    """Return the command that continues the last run."""
    return [["python", "flow.py", "resume", *_limits(jobs)]]


def _limits(jobs: int) -> list[str]:
    return ["--max-workers", str(jobs), "--max-num-splits", "2000"]


def refusal(workload: Workload) -> str:
    """Refuse the pipeline, which has a flow of its own."""
    return "see the flow by hand" if workload.is_pipeline else ""


TOOLCHAIN = Toolchain(
    title="Metaflow run",
    unit=Unit.FUNCTION,
    skips=Skips.NOTHING,
    write=write,
    commands=list_commands,
    resume_commands=list_resume_commands,
    package="metaflow",
    refusal=refusal,
    user_files=("flow.py",),
    about="a process per step; every run is recorded with its artifacts",
)
