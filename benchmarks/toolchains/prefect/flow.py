"""Run the tasks of graph.json as Prefect tasks, on threads of this process."""

import importlib
import json
import sys
from pathlib import Path

from prefect import flow, task
from prefect.futures import PrefectFuture
from prefect.task_runners import ThreadPoolTaskRunner

GRAPH = json.loads(Path("graph.json").read_text())
main = importlib.import_module(GRAPH["module"]).main


@task
def run_task(arguments: list[str]) -> None:
    """Do the work of one task."""
    if main(arguments):
        raise RuntimeError(f"failed: {arguments}")


@flow(task_runner=ThreadPoolTaskRunner(max_workers=int(sys.argv[1])))
def run_graph() -> None:
    """Submit every task, with the tasks that it waits for."""
    futures: dict[str, PrefectFuture[None]] = {}
    for entry in GRAPH["tasks"]:
        futures[entry["name"]] = run_task.with_options(name=entry["name"]).submit(
            entry["arguments"], wait_for=[futures[name] for name in entry["upstream"]]
        )
    for future in futures.values():
        future.result()


run_graph()
