"""Run the tasks of graph.json as the ops of a Dagster job, in this process."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from dagster import DependencyDefinition, GraphDefinition, In, Nothing, OpDefinition, Out, op

GRAPH = json.loads(Path("graph.json").read_text())
main = importlib.import_module(GRAPH["module"]).main


def make_op(entry: dict[str, Any]) -> OpDefinition:
    """Return an op that does the work of one task after its upstream tasks."""

    @op(
        name=entry["name"],
        ins={f"after_{name}": In(Nothing) for name in entry["upstream"]},
        out=Out(Nothing),
    )
    def run_task() -> None:
        if main(entry["arguments"]):
            raise RuntimeError(f"failed: {entry['arguments']}")

    return run_task


job = GraphDefinition(
    name="comparison",
    node_defs=[make_op(entry) for entry in GRAPH["tasks"]],
    dependencies={
        entry["name"]: {f"after_{name}": DependencyDefinition(name) for name in entry["upstream"]}
        for entry in GRAPH["tasks"]
    },
).to_job()
sys.exit(not job.execute_in_process().success)
