"""Merging results of pods into dvc.lock, .gitignore files, cache and workspace, in DVC's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dvc_bridge.dvcio.locks import PathLocks
from dvc_bridge.dvcio.project import Project
from dvc_bridge.dvcio.recording.lockfile import LockFiles
from dvc_bridge.dvcio.recording.run_cache import keep_run
from dvc_bridge.dvcio.remotes.transfer import Objects
from dvc_bridge.dvcio.session import Session
from dvc_bridge.dvcio.workspace import Workspace
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    Pointer,
    item_path,
    lock_items,
    lock_paths,
    lock_pointers,
    with_outs,
)
from dvc_bridge.pipeline.numbering import RunIndex, StagePosition, numbered
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.result import Result
from dvc_bridge.pipeline.stage import Pipeline, Stage
from dvc_bridge.planning.changes import UndecidedError
from dvc_bridge.planning.left_out_results import find_incompatible, same_shape
from dvc_bridge.planning.next_action import leaves_run


@dataclass
class Merged:
    """The outcome of a merge, by address.

    Parameters
    ----------
    taken
        The stages whose results are in dvc.lock now.
    fitting
        The stages that have the same command, deps, params and outs as in the run; the results of
        all other stages are left out.
    incompatible
        Why results do not belong to the current stages, by address: for example, because inputs
        were edited during the run.
    """

    taken: list[str] = field(default_factory=list)
    fitting: set[str] = field(default_factory=set)
    incompatible: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def merge(
    project: Project,
    pipeline: Pipeline,
    order: Sequence[StagePosition],
    results: Mapping[str, Result],
    session: Session,
    objects: Objects,
    *,
    checkout: bool = True,
) -> Merged:
    """Bring the project into the state that `dvc repro` would have produced with these results.

    The caller holds the repository's lock. Stages that have no result or have failed do not change.
    If the process is killed at any moment, a second call completes the merge.

    Parameters
    ----------
    order
        The positions of the stages, in DVC's order.
    checkout
        Whether to update the outs in the workspace too, not only dvc.lock.

    Raises
    ------
    UsageError
        Another process reads or writes an out that would be replaced; nothing changes.
    """
    lock_files, workspace = LockFiles(project), Workspace(project)
    merged = Merged(incompatible=find_incompatible(pipeline, order, results, workspace))
    mergeable: list[tuple[RunIndex, Stage, Result]] = []
    for index, position in numbered(RunIndex, order):
        stage = pipeline.stages[position]
        result = results.get(stage.address)
        if result is None or not result.good or not stage.name:
            continue
        if same_shape(stage, result.entry):
            merged.fitting.add(stage.address)
            mergeable.append((index, stage, result))
    missing: dict[RunIndex, LockEntry] = {}
    if checkout:
        missing = {
            index: _missing_outs(stage, result, workspace) for index, stage, result in mergeable
        }
        path_locks = PathLocks(project)
        for index, stage, _ in mergeable:
            replaced = lock_paths(missing[index], "outs")
            path_locks.check(
                (), (out.at for out in stage.outs if out.local and out.path in replaced)
            )
        objects.fetch((stage, missing[index]) for index, stage, _ in mergeable)
    for index, stage, result in mergeable:
        changed = result.outcome is not Outcome.UNCHANGED
        if checkout and (changed or missing[index]["outs"]):
            objects.place(stage, missing[index], result.modes, index, ignore=changed)
        session.turn(index)
        if changed:
            if leaves_run(stage):
                keep_run(project.cache, result.entry, project.scratch)
            lock_files.record(index, stage.file, stage.name, result.entry)
            merged.taken.append(stage.address)
    session.track(lock_files.close())
    objects.close()
    workspace.hashes.save()
    return merged


def _missing_outs(stage: Stage, result: Result, workspace: Workspace) -> LockEntry:
    """Return the lock entry, reduced to the outs that must be updated in the workspace."""
    if result.outcome is not Outcome.UNCHANGED:
        return result.entry
    unchanged = unchanged_outs(stage, result.entry, workspace)
    items = lock_items(result.entry, "outs")
    return with_outs(result.entry, (item for item in items if item_path(item) not in unchanged))


def unchanged_outs(stage: Stage, entry: LockEntry, workspace: Workspace) -> set[str]:
    """Return the paths of the outs that match the entry in the workspace."""
    pointers = lock_pointers(entry, "outs")
    paths = set()
    for out in stage.outs:
        try:
            current = workspace.out(out)
        except UndecidedError:  # a large file that has not been hashed: DVC knows it is there
            paths.add(out.path)
            continue
        recorded = pointers.get(out.path, Pointer({}))
        if current is not None and current.get("md5") == recorded.get("md5"):
            paths.add(out.path)
    return paths
