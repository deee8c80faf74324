"""Find out whether the outs of a Metaflow run's results can be merged, before anything changes."""

from __future__ import annotations

from collections.abc import Mapping

from dvc_bridge.app.context import RunContext
from dvc_bridge.dvcio.cached_objects import check_cached, in_cache
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.errors import IntegrityError, RemoteRefusedError, UsageError
from dvc_bridge.metaflow.client import Ended
from dvc_bridge.pipeline.lock_entry import LockEntry, item_path, lock_items, pointer_of, with_outs
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Stage
from dvc_bridge.remote_run.merge import unchanged_outs


def available_results(
    context: RunContext,
    objects: Objects,
    results: Mapping[str, Result],
    ended: Ended,
    workspace: Workspace,
    recorded: Mapping[str, Result],
) -> dict[str, Result]:
    """Return the results whose outs are all available, before anything changes.

    This leaves out unchanged results that dvc.lock already has: their outs may exist only where
    the run was planned.

    Parameters
    ----------
    recorded
        The results as the run recorded them.

    Raises
    ------
    IntegrityError
        Objects are missing, or their content does not match their hashes.
    """
    cache, missing, available = context.project.cache, [], dict(results)
    for stage in context.pipeline.stages:
        result = results.get(stage.address)
        if result is None:
            continue
        unchanged = (
            unchanged_outs(stage, result.entry, workspace)
            if result.outcome is Outcome.UNCHANGED
            else set()
        )
        outs = lock_items(result.entry, "outs")
        changed_outs = [out for out in outs if item_path(out) not in unchanged]
        for out in changed_outs:
            check_cached(cache, pointer_of(out))
        absent = [out for out in changed_outs if not in_cache(cache, pointer_of(out))]
        if not absent or _in_remote(objects, stage, with_outs({}, absent)):
            continue
        if recorded[stage.address].outcome is Outcome.UNCHANGED and result.entry == stage.lock:
            context.warn(
                f"{stage.address}: not merged: outs are not in the workspace, cache or remote"
            )
            del available[stage.address]
        else:
            missing += [f"{stage.address}: {item_path(out)} (md5 {out['md5']})" for out in absent]
    if missing:
        raise IntegrityError(
            "\n".join(
                [f"outs of {ended.pathspec} are neither in the cache nor in a remote:", *missing]
            ),
            f"on the machine that ran it, run dvc-bridge sync {ended.pathspec}, then the commit"
            " command that it prints, dvc push and git push; here, run git pull, then this command"
            " again",
        )
    return available


def _in_remote(objects: Objects, stage: Stage, entry: LockEntry) -> bool:
    try:
        return objects.has(stage, entry)
    except (UsageError, RemoteRefusedError):
        return False  # there is no remote, or we may not read it
