"""The shapes of the published workloads as graphs, and this repository's pipeline as a graph."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from benchmarks.comparison import work
from benchmarks.comparison.graph import Graph, Task

FOLDER = Path(__file__).resolve().parent
SOURCE = "source.txt"
# A task that reads this file fails while its content is `closed`.
GATE = work.GATE
# A task that reads this file kills its worker once, where the comparison asks for it.
KILL = work.KILL
_CONTENT = {SOURCE: "the input of the first tasks\n"}

# Task -> the tasks that it waits for.
Parents = Mapping[str, Sequence[str]]


def graph_of(parents: Parents, kind: str, amount: int) -> Graph:
    """Return a graph in which every task does the same work; tasks without parents read a source.

    Parameters
    ----------
    kind, amount
        The work of each task, as work.py defines it.
    """
    tasks = []
    for name in TopologicalSorter(parents).static_order():
        inputs = tuple(f"{parent}.out" for parent in parents[name]) or (SOURCE,)
        out = f"{name}.out"
        tasks.append(Task(name, (kind, str(amount), out, *inputs), inputs, (out,)))
    return Graph(tuple(tasks), _CONTENT)


def chain(length: int) -> Parents:
    """Return tasks that follow one another."""
    return {f"t{n}": [f"t{n - 1}"] if n else [] for n in range(length)}


def chain_with_gate(length: int, gate: int, kind: str, amount: int) -> Graph:
    """Return a chain in which a task, counted from 1, fails until the file `GATE` says `open`."""
    return _with_input(graph_of(chain(length), kind, amount), f"t{gate - 1}", GATE, "closed\n")


def chain_with_kill(length: int, kill: int, kind: str, amount: int) -> Graph:
    """Return a chain in which a task, counted from 1, once kills the process that runs it."""
    return _with_input(graph_of(chain(length), kind, amount), f"t{kill - 1}", KILL, "\n")


def _with_input(graph: Graph, name: str, path: str, content: str) -> Graph:
    """Return the graph in which a task reads one more file, which exists before the first task."""
    tasks = tuple(
        replace(task, arguments=(*task.arguments, path), inputs=(*task.inputs, path))
        if task.name == name
        else task
        for task in graph.tasks
    )
    return replace(graph, tasks=tasks, sources={**(graph.sources or {}), path: content})


def fan_out(width: int) -> Parents:
    """Return independent tasks."""
    return {f"t{n}": [] for n in range(width)}


def fan(width: int, depth: int) -> Parents:
    """Return Task Bench's fan: `width` chains of `depth` tasks, joined by a last task."""
    parents: dict[str, list[str]] = {
        f"t{row}x{column}": [f"t{row - 1}x{column}"] if row else []
        for row in range(depth)
        for column in range(width)
    }
    return {**parents, "last": [f"t{depth - 1}x{column}" for column in range(width)]}


def stencil(width: int, depth: int) -> Parents:
    """Return Task Bench's stencil: a task waits for its own column and both neighbours."""
    return {
        f"t{row}x{column}": [
            f"t{row - 1}x{other}"
            for other in range(max(0, column - 1), min(width, column + 2))
            if row
        ]
        for row in range(depth)
        for column in range(width)
    }


def tree(depth: int) -> Parents:
    """Return Task Bench's tree: every task is followed by two, `depth` levels in all."""
    return {f"t{n}": [f"t{(n - 1) // 2}"] if n else [] for n in range(2**depth - 1)}


def wfcommons(name: str) -> Parents:
    """Return a graph that wfcommons/generate.py wrote."""
    parents: Parents = json.loads((FOLDER / "wfcommons" / f"{name}.json").read_text())
    return parents


def pipeline(dvc_yaml: str, params_yaml: str) -> Graph:
    """Return this repository's pipeline, from the content of its two files."""
    document, params = yaml.safe_load(dvc_yaml), yaml.safe_load(params_yaml)
    tasks: dict[str, Task] = {}
    for name, entry in document["stages"].items():
        if "foreach" in entry:
            items: Any = params
            for key in entry["foreach"].strip("${}").split("."):
                items = items[key]
            for item in items:
                text = json.dumps(entry["do"]).replace("${item}", item)
                tasks[f"{name}@{item}"] = _read_stage(f"{name}@{item}", json.loads(text))
        else:
            tasks[name] = _read_stage(name, entry)
    writers = {out: task.name for task in tasks.values() for out in task.outs}
    parents = {
        name: [writers[path] for path in task.inputs if path in writers]
        for name, task in tasks.items()
    }
    ordered = tuple(tasks[name] for name in TopologicalSorter(parents).static_order())
    return Graph(ordered, None, ("python", "-m", "flows"), "flows.__main__")


def _read_stage(name: str, entry: Mapping[str, Any]) -> Task:
    outs = [*entry.get("outs", []), *entry.get("metrics", []), *entry.get("plots", [])]
    paths = tuple(out if isinstance(out, str) else next(iter(out)) for out in outs)
    return Task(name, (name,), (*entry["deps"], "params.yaml"), paths)
