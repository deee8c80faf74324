"""Finding the unfinished tasks of a run: those without good results, or whose outs are gone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.pipeline.numbering import TaskNumber
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.remote_run.run_store import AT_ONCE, Store
from dvc_bridge.remote_run.task import PlannedTask


def unfinished_tasks(
    plan: Sequence[PlannedTask], store: Store, objects: Objects
) -> list[TaskNumber]:
    """Return the numbers of the groups that have to run again.

    Results whose outs the remotes no longer have are removed, so that pods produce them again.
    Outs from before the run are uploaded by `submit`.
    """
    stages = {task.stage.address: task.stage for entry in plan for task in entry.tasks}
    good = {a: result for a, result in store.results(stages.values()).items() if result.good}
    addresses = [
        address for address, result in good.items() if result.outcome is not Outcome.UNCHANGED
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        presence = pool.map(lambda a: objects.has(stages[a], good[a].entry), addresses)
        missing = [
            address
            for address, is_present in zip(addresses, presence, strict=True)
            if not is_present
        ]
    for address in missing:
        store.drop_result(stages[address])
        del good[address]
    return [
        entry.number
        for entry in plan
        if not all(task.stage.address in good for task in entry.tasks)
    ]


def upstream_tasks(plan: Sequence[PlannedTask]) -> list[list[TaskNumber]]:
    """Return for each group the numbers of the groups whose results it reads."""
    number_of = {task.stage.address: entry.number for entry in plan for task in entry.tasks}
    return [
        sorted({number_of[up.stage.address] for up in entry.upstream if up.result is None})
        for entry in plan
    ]
