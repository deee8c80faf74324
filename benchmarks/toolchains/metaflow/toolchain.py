"""Metaflow by hand: a step per level of the graph; a level with several tasks is a foreach."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.comparison.graph import Graph
from benchmarks.comparison.toolchain import Skips, Toolchain, Unit
from benchmarks.comparison.workloads import Workload

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
    """Write flow.py. Where a join would also be a split, Metaflow needs a step between."""
    levels = [[list(task.arguments) for task in level] for level in graph.levels]
    names = ["start", *(f"level{n}" for n in range(len(levels))), "end"]
    text = _HEAD.format(module=graph.module) + _step("start", "pass", _next(names[1], levels[0]))
    for n, level in enumerate(levels):
        following = _next(names[n + 2], levels[n + 1] if n + 1 < len(levels) else [[]])
        if len(level) == 1:
            text += _step(names[n + 1], f"run_task({json.dumps(level[0])})", following)
        else:
            text += _step(names[n + 1], "run_task(self.input)", f"self.next(self.join{n})")
            is_split = n + 1 < len(levels) and len(levels[n + 1]) > 1
            after = f"self.next(self.split{n})" if is_split else following
            text += _step(f"join{n}", "pass", after, "self, inputs")
            text += _step(f"split{n}", "pass", following) if is_split else ""
    text += _step("end", "pass", "")
    (project / "flow.py").write_text(f'{text}\n\nif __name__ == "__main__":\n    Comparison()\n')


def _next(name: str, level: list[list[str]]) -> str:
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
