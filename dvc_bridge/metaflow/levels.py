"""Functions that generated flows call: plan a run once, then run each task as one of its workers.

The plan and the result of each stage are in the DVC remote, as for a run of `dvc-bridge submit`.
This module imports no large packages, since many tasks have nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import as_metaflow_says
from .levels_run import LevelsRun
from .run_artifact import DvcRun


def begin_levels(
    root: Path,
    levels: Sequence[Sequence[Sequence[str]]],
    shape: str,
    *,
    force: bool,
    alone: bool = False,
) -> LevelsRun:
    """Plan a run, and upload the inputs of its tasks to the DVC remote.

    Parameters
    ----------
    root
        The project's folder, which holds `.dvc`.
    levels
        For each level and each of its tasks, the addresses of the stages.
    shape
        The hash of the stages that the flow was generated from.
    force
        Also run stages that are up to date.
    alone
        Leave the stages upstream as they are, as `--single-item` and `--downstream` do.
    """
    from .flow_run_plan import plan_levels  # noqa: PLC0415  see above

    with as_metaflow_says():
        return plan_levels(root, levels, shape, force=force, alone=alone)


def groups(run: LevelsRun, level: int) -> list[str]:
    """Return a reference for each task of a level (from 1); empty if there is nothing to do."""
    return run["words"][level - 1] or [""]


def work(flow: Any, *references: str) -> None:
    """Bring the stages of the groups up to date, as pods of `dvc-bridge submit` do.

    Raises
    ------
    MetaflowException
        A stage or the storage has failed.
    """
    for reference in references:
        if not reference:
            print("nothing to do: the stages of this level are up to date")
            continue
        from .flow_task import bring  # noqa: PLC0415  see above

        with as_metaflow_says():
            bring(flow.dvc_run, reference)


def told(flow: Any) -> DvcRun:  # codespell:ignore told
    """Return the results of all stages, as `@dvc_stage` steps record them; print how many ran."""
    from .flow_run_plan import all_told  # noqa: PLC0415  see above

    with as_metaflow_says():
        return all_told(flow.dvc_run)
