"""Settle a stage from the results of earlier runs, without its data in the workspace.

Workers and Metaflow steps start without the outs of other stages. They decide as a local run does
and look for a result where they keep results: in the DVC remote or in DVC's cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from dvc_bridge.pipeline.lock_entry import LockEntry
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.planning.changes import Change, StateReader, UndecidedError
from dvc_bridge.planning.next_action import NextAction, current_inputs, first_step, leaves_run
from dvc_bridge.planning.read_once import ReadOnce
from dvc_bridge.planning.run_cache_key import restored_entry, run_cache_key

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")

# Returns the run-cache entries under a key, the newest first.
Runs = Callable[[str], Iterable[LockEntry]]


def settle_by_results(
    stage: Stage,
    state: StateReader,
    *,
    force: bool,
    runs: Runs,
    available: Callable[[LockEntry], bool],
) -> tuple[NextAction, Result | None, Change | None]:
    """Return the next action for a ready stage, its result if it is known, and why it is outdated.

    Parameters
    ----------
    available
        Returns whether the outs of a complete lock entry can be read.

    Raises
    ------
    MissingInputError
        A dep or a parameter is missing.
    """
    reader = ReadOnce(state)
    try:
        action, change = first_step(
            stage, reader, force=force, has_runs=lambda key: any(True for _ in runs(key))
        )
    except UndecidedError:
        action, change = NextAction.ASK, None
    if action is NextAction.UNCHANGED:
        return action, Result(stage.address, Outcome.UNCHANGED, stage.lock or {}), None
    if action is NextAction.ASK and (entry := _known(stage, reader, change, runs, available)):
        return action, Result(stage.address, Outcome.RESTORED, entry), change
    return action, None, change


def _known(
    stage: Stage,
    reader: StateReader,
    change: Change | None,
    runs: Runs,
    available: Callable[[LockEntry], bool],
) -> LockEntry | None:
    """Return the entry of an earlier run with the same inputs whose outs are available."""
    if stage.frozen or not leaves_run(stage):
        return None
    if change and change.what == "out" and _is_available(stage, stage.lock, available):
        return stage.lock
    try:
        inputs = current_inputs(stage, reader)
    except UndecidedError:
        return None
    entries = runs(run_cache_key(inputs, [out.path for out in stage.outs]))
    entry = next((entry for entry in entries if _is_available(stage, entry, available)), None)
    return entry and restored_entry(entry, inputs)


def _is_available(
    stage: Stage, entry: LockEntry | None, available: Callable[[LockEntry], bool]
) -> bool:
    return entry is not None and is_complete(stage, entry) and available(entry)


def is_complete(stage: Stage, entry: LockEntry) -> bool:
    """Return whether an entry has a hash for each out; DVC ignores other entries too."""
    outs: Any = entry.get("outs")
    items = [out for out in outs if isinstance(out, dict)] if isinstance(outs, list) else []
    md5s = {str(out.get("path")): str(out.get("md5")) for out in items}
    has_all_outs = md5s.keys() == {out.path for out in stage.outs}
    return has_all_outs and all(_MD5.fullmatch(md5) for md5 in md5s.values())
