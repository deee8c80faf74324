"""The next action for a ready stage: skip it, run its command, or ask DVC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from dvc_bridge.errors import MissingInputError
from dvc_bridge.pipeline.lock_entry import (
    LockEntry,
    Pointer,
    Section,
    is_folder,
    lock_items,
    lock_paths,
    lock_pointers,
)
from dvc_bridge.pipeline.stage import Stage, StageKind
from dvc_bridge.planning.allow_missing import AllowMissing
from dvc_bridge.planning.changes import Change, StateReader, UndecidedError, changes
from dvc_bridge.planning.run_cache_key import inputs_entry, lock_params, run_cache_key


class NextAction(Enum):
    """The next action for a ready stage."""

    UNCHANGED = "unchanged"
    COMMAND = "command"
    ASK = "ask"  # only DVC can decide, or the run cache may have the result


def first_step(
    stage: Stage,
    reader: StateReader,
    *,
    force: bool,
    has_runs: Callable[[str], bool],
    allow_missing: AllowMissing | None = None,
) -> tuple[NextAction, Change | None]:
    """Return the next action for a ready stage, and the first reason to run it.

    Parameters
    ----------
    has_runs
        Returns whether the run cache contains an entry for a key.
    allow_missing
        As for `changes`.

    Raises
    ------
    UndecidedError
        Only DVC can decide.
    MissingInputError
        A dep or a parameter is missing.
    """
    change = None if force else next(changes(stage, reader, allow_missing), None)
    if change is None and not force:
        return NextAction.UNCHANGED, None
    if stage.kind is not StageKind.STAGE or stage.frozen or not stage.is_local or is_legacy(stage):
        return NextAction.ASK, change
    if force:  # missing inputs show up after the command, as with DVC
        return (
            NextAction.ASK if any(out.persist for out in stage.outs) else NextAction.COMMAND
        ), None
    inputs = current_inputs(stage, reader)
    # If only outs are missing or edited, the cache may still contain the old ones.
    only_outs = change is not None and change.what == "out"
    new_folder = has_new_folder(stage, "deps", lock_pointers(inputs, "deps"))
    if any(out.persist for out in stage.outs) or only_outs or new_folder:
        return NextAction.ASK, change
    key = run_cache_key(inputs, [o.path for o in stage.outs]) if in_run_cache(stage) else ""
    is_cached = bool(key) and has_runs(key)
    return (NextAction.ASK if is_cached else NextAction.COMMAND), change


def is_certain_to_run(stage: Stage, reader: StateReader, has_runs: Callable[[str], bool]) -> bool:
    """Whether the stage's command runs even if all objects that the cache lacks are restored."""
    if not stage.cmd or stage.frozen or not stage.is_local:
        return False
    try:
        if all(change.what == "out" for change in changes(stage, reader)):
            return False
        inputs = current_inputs(stage, reader)
    except (UndecidedError, MissingInputError):
        return False
    outs = [out.path for out in stage.outs]
    return not (in_run_cache(stage) and has_runs(run_cache_key(inputs, outs)))


def is_legacy(stage: Stage) -> bool:
    """Whether dvc.lock has a hash of DVC 2 for the stage, which DVC 3 keeps while it is valid."""
    items = [*lock_items(stage.lock, "deps"), *lock_items(stage.lock, "outs")]
    return any("md5" in item and "hash" not in item for item in items)


def has_new_folder(stage: Stage, section: Section, current: Mapping[str, Pointer]) -> bool:
    """Whether one of the current deps or outs is a folder that the stage's lock entry lacks.

    DVC assumes a hash of DVC 2 for what the entry lacks, and stores an object for such a folder.
    """
    if not stage.lock:
        return False
    known = lock_paths(stage.lock, section)
    return any(is_folder(pointer) for path, pointer in current.items() if path not in known)


def in_run_cache(stage: Stage) -> bool:
    """Whether DVC stores this stage's results by their inputs (dvc/stage/cache.py)."""
    if stage.callback or stage.always_changed or not stage.outs:
        return False
    hashed = all("://" not in dep.at for dep in stage.deps)
    return bool(stage.reads) and hashed and all(out.local for out in stage.outs)


def may_restore(stage: Stage) -> bool:
    """Whether DVC may restore the results of an earlier run instead of running the command."""
    return in_run_cache(stage) and bool(stage.cmd) and not any(out.persist for out in stage.outs)


def leaves_run(stage: Stage) -> bool:
    """Whether DVC writes a run cache entry after this stage has run."""
    restorable = all((o.cached or o.shown) and o.local and not o.persist for o in stage.outs)
    hashed = all("://" not in dep.at for dep in stage.deps)
    always_runs = stage.callback or stage.always_changed
    return restorable and hashed and bool(stage.outs and stage.reads) and not always_runs


def current_inputs(stage: Stage, reader: StateReader) -> LockEntry:
    """Return the part of the stage's lock entry that is known before the stage runs.

    Raises
    ------
    MissingInputError
        A dep, a parameters file or a parameter does not exist.
    UndecidedError
        The state of an input is unknown, and no other input is missing.
    """
    missing, missing_paths = [], []
    undecided: UndecidedError | None = None
    deps: list[tuple[str, Pointer]] = []
    for dep in stage.deps:
        try:
            pointer = reader.dep(dep)
        except UndecidedError as exc:
            undecided = exc
            continue
        if pointer is None:
            missing.append(f"dependency {dep.path} does not exist")
            missing_paths.append(dep.at)
        else:
            deps.append((dep.path, pointer))
    values: list[tuple[str, str, Mapping[str, Any]]] = []
    for params in stage.params:
        try:
            file_values = reader.values(params)
        except UndecidedError as exc:
            undecided = exc
            continue
        if file_values is None:
            missing.append(f"parameters file {params.path} does not exist")
            continue
        missing_keys = [key for key in params.keys if key not in file_values]
        missing += [f"parameter {key} is missing from {params.path}" for key in missing_keys]
        values.append((params.path, params.key, file_values))
    if missing:
        pull = f" (dvc pull {' '.join(missing_paths)}, or --pull)" if missing_paths else ""
        raise MissingInputError(
            "; ".join(missing), f"restore what is missing{pull}, or correct dvc.yaml"
        )
    if undecided:
        raise undecided
    return inputs_entry(stage.cmd, deps, lock_params(values))
