"""What a flow of `dvc-bridge flow` calls: a run is planned once, and each task is a worker of it.

The plan, and what became of each stage, are in the DVC remote, as for a run of `dvc-bridge submit`.
Nothing heavy is imported here: many tasks have nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from .errors import as_metaflow_says
from .run_artifact import DvcRun


class LevelsRun(TypedDict):
    """The artifact `dvc_run` of each task: where the run's plan and results are."""

    run: str  # its folder in the DVC remote
    root: str  # the project's folder, as the flow has it
    shape: str
    revision: str | None
    dirty: bool
    words: list[list[str]]  # for each level, of the groups with something to do


def begin_levels(
    root: Path,
    levels: Sequence[Sequence[Sequence[str]]],
    shape: str,
    *,
    force: bool,
    alone: bool = False,
) -> LevelsRun:
    """Plan a run, and put what its tasks need into the DVC remote.

    Parameters
    ----------
    root
        The project's folder, which holds `.dvc`.
    levels
        For each level, for each of its tasks, the addresses of stages.
    shape
        The hash of the stages that the flow was made from.
    force
        Have stages run that are up to date too.
    alone
        Take what is upstream of the stages as it stands, as `--single-item` and `--downstream` do.
    """
    from .flow_plan import plan_levels  # noqa: PLC0415  see above

    with as_metaflow_says():
        return plan_levels(root, levels, shape, force=force, alone=alone)


def groups(run: LevelsRun, level: int) -> list[str]:
    """Return a word for each task of a level, from 1; a word without letters: nothing to do."""
    return run["words"][level - 1] or [""]


def work(flow: Any, *words: str) -> None:
    """Bring the stages of groups up to date, as pods of `dvc-bridge submit` do.

    Raises
    ------
    MetaflowException
        A stage has failed, or storage has.
    """
    for word in words:
        if not word:
            print("nothing to do: the stages of this level are up to date")
            continue
        from .flow_task import bring  # noqa: PLC0415  see above

        with as_metaflow_says():
            bring(flow.dvc_run, word)


def told(flow: Any) -> DvcRun:
    """Return the results of all stages, as flows of `@dvc_stage` have them; print how many ran."""
    from .flow_plan import all_told  # noqa: PLC0415  see above

    with as_metaflow_says():
        return all_told(flow.dvc_run)
