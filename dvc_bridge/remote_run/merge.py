"""Results of pods into dvc.lock, .gitignore files, cache and workspace, in DVC's order."""

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
from dvc_bridge.pipeline.result import UNCHANGED, Result
from dvc_bridge.pipeline.stage import LockEntry, Pipeline, Stage
from dvc_bridge.planning.changes import UndecidedError, locked
from dvc_bridge.planning.compatibility import incompatible, same_shape
from dvc_bridge.planning.next_action import leaves_run


@dataclass
class Merged:
    """What became of the stages of a run in this workspace, by address.

    Parameters
    ----------
    taken
        Their results are in dvc.lock now.
    fitting
        They have the command, deps, params and outs of the run; results of others are left out.
    misfits
        Why results are not those of the stages as they are here, by address: what they read may
        have been edited since.
    """

    taken: list[str] = field(default_factory=list)
    fitting: set[str] = field(default_factory=set)
    incompatible: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def merge(
    project: Project,
    pipeline: Pipeline,
    order: Sequence[int],
    results: Mapping[str, Result],
    session: Session,
    objects: Objects,
    *,
    checkout: bool = True,
) -> Merged:
    """Bring the project to where `dvc repro` would have ended with these results.

    The caller holds the repository's lock. Stages without a result, and those that have failed,
    stay as they are. Killed at any moment, the same again finishes the work.

    Parameters
    ----------
    order
        Positions in DVC's order.
    checkout
        Whether outs are brought into the workspace too, not only into dvc.lock.

    Raises
    ------
    UsageError
        Another process reads or writes an out that would be replaced; nothing is changed.
    """
    lock_files, workspace = LockFiles(project), Workspace(project)
    merged = Merged(incompatible=incompatible(pipeline, order, results, workspace))
    good: list[tuple[int, Stage, Result]] = []
    for place, position in enumerate(order):
        stage = pipeline.stages[position]
        result = results.get(stage.address)
        if result is None or not result.good or not stage.name:
            continue
        if same_shape(stage, result.entry):
            merged.fitting.add(stage.address)
            good.append((place, stage, result))
    lacking: dict[int, LockEntry] = {}
    if checkout:
        lacking = {place: _lacking(stage, result, workspace) for place, stage, result in good}
        claims = PathLocks(project)
        for place, stage, _ in good:
            replaced = {out["path"] for out in lacking[place].get("outs") or ()}
            claims.check((), (out.at for out in stage.outs if out.local and out.path in replaced))
        objects.fetch((stage, lacking[place]) for place, stage, _ in good)
    for place, stage, result in good:
        changed = result.outcome != UNCHANGED
        if checkout and (changed or lacking[place]["outs"]):
            objects.place(stage, lacking[place], result.modes, place, ignore=changed)
        session.turn(place)
        if changed:
            if leaves_run(stage):
                keep_run(project.cache, result.entry, project.scratch)
            lock_files.record(place, stage.file, stage.name, result.entry)
            merged.taken.append(stage.address)
    session.track(lock_files.close())
    objects.close()
    workspace.hashes.save()
    return merged


def _lacking(stage: Stage, result: Result, workspace: Workspace) -> LockEntry:
    """Return the lock entry with those outs alone that must be placed in the workspace."""
    if result.outcome != UNCHANGED:
        return result.entry
    stands = unchanged_outs(stage, result.entry, workspace)
    outs = [out for out in result.entry.get("outs") or () if out["path"] not in stands]
    return {**result.entry, "outs": outs}


def unchanged_outs(stage: Stage, entry: LockEntry, workspace: Workspace) -> set[str]:
    """Return the paths of the outs that are here as the entry says."""
    known = locked(entry, "outs")
    found = set()
    for out in stage.outs:
        try:
            now = workspace.out(out)
        except UndecidedError:  # a large file that nobody has read: DVC knows it is there
            found.add(out.path)
            continue
        if now is not None and now.get("md5") == known.get(out.path, {}).get("md5"):
            found.add(out.path)
    return found
