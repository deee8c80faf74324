"""What of a run is not done: stages without a good result, or whose outs are gone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.pipeline.result import UNCHANGED
from dvc_bridge.remote_run.run_store import AT_ONCE, Store
from dvc_bridge.remote_run.task import PlannedTask


def unfinished_tasks(plan: Sequence[PlannedTask], store: Store, objects: Objects) -> list[int]:
    """Return the numbers of the groups that have to run again.

    Results whose outs the remotes have lost since are forgotten, so that pods make them anew; what
    was there before the run, `submit` sends.
    """
    stages = {task.stage.address: task.stage for entry in plan for task in entry.tasks}
    good = {a: result for a, result in store.results(stages.values()).items() if result.good}
    made = [address for address, result in good.items() if result.outcome != UNCHANGED]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        there = pool.map(lambda a: objects.has(stages[a], good[a].entry), made)
        lost = [address for address, has in zip(made, there, strict=True) if not has]
    for address in lost:
        store.drop_result(stages[address])
        del good[address]
    return [
        entry.number
        for entry in plan
        if not all(task.stage.address in good for task in entry.tasks)
    ]


def needs(plan: Sequence[PlannedTask]) -> list[list[int]]:
    """Return for each group the numbers of those whose results it reads."""
    maker = {task.stage.address: entry.number for entry in plan for task in entry.tasks}
    return [
        sorted({maker[up.stage.address] for up in entry.upstream if up.result is None})
        for entry in plan
    ]
