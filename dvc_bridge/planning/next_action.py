"""What to do first with a stage whose turn it is: nothing, run its command, or ask DVC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from dvc_bridge.errors import MissingInputError
from dvc_bridge.pipeline.stage import LockEntry, Pointer, Stage, StageKind
from dvc_bridge.planning.changes import Change, StateReader, UndecidedError, changes
from dvc_bridge.planning.run_cache_key import inputs_entry, lock_params, run_cache_key


class NextAction(Enum):
    """What to do first with a stage."""

    UNCHANGED = "unchanged"
    COMMAND = "command"
    ASK = "ask"  # only DVC can say, or the run cache may have the result


def first_step(
    stage: Stage, look: StateReader, *, force: bool, has_runs: Callable[[str], bool]
) -> tuple[NextAction, Change | None]:
    """Return what to do with a stage whose turn it is, and the first reason to run it.

    Parameters
    ----------
    has_runs
        Whether the run cache holds anything under a key.

    Raises
    ------
    UndecidedError
        DVC must be asked.
    MissingInputError
        A dep or a parameter is missing.
    """
    change = None if force else next(changes(stage, look), None)
    if change is None and not force:
        return NextAction.UNCHANGED, None
    if stage.kind is not StageKind.STAGE or stage.frozen or not stage.is_local or is_legacy(stage):
        return NextAction.ASK, change
    if force:  # what is missing shows when the command has run, as with DVC
        return (
            NextAction.ASK if any(out.persist for out in stage.outs) else NextAction.COMMAND
        ), None
    inputs = current_inputs(stage, look)
    # Where only outs are gone or edited, the cache may still hold what they were.
    only_outs = change is not None and change.what == "out"
    if any(out.persist for out in stage.outs) or only_outs:
        return NextAction.ASK, change
    key = run_cache_key(inputs, [o.path for o in stage.outs]) if in_run_cache(stage) else ""
    known = bool(key) and has_runs(key)
    return (NextAction.ASK if known else NextAction.COMMAND), change


def is_certain_to_run(stage: Stage, look: StateReader, has_runs: Callable[[str], bool]) -> bool:
    """Whether the stage's command runs even if all that the cache has lost comes back."""
    if not stage.cmd or stage.frozen or not stage.is_local:
        return False
    try:
        if all(change.what == "out" for change in changes(stage, look)):
            return False
        inputs = current_inputs(stage, look)
    except (UndecidedError, MissingInputError):
        return False
    outs = [out.path for out in stage.outs]
    return not (in_run_cache(stage) and has_runs(run_cache_key(inputs, outs)))


def is_legacy(stage: Stage) -> bool:
    """Whether dvc.lock has a hash of DVC 2 for the stage, which DVC 3 keeps while it holds."""
    entry = stage.lock or {}
    items = [*(entry.get("deps") or ()), *(entry.get("outs") or ())]
    return any("md5" in item and "hash" not in item for item in items)


def in_run_cache(stage: Stage) -> bool:
    """Whether DVC keeps this stage's results by what went into them (dvc/stage/cache.py)."""
    if stage.callback or stage.always_changed or not stage.outs:
        return False
    hashed = all("://" not in dep.at for dep in stage.deps)
    return bool(stage.reads) and hashed and all(out.local for out in stage.outs)


def may_restore(stage: Stage) -> bool:
    """Whether DVC takes the results of an earlier run for this stage instead of its command."""
    return in_run_cache(stage) and bool(stage.cmd) and not any(out.persist for out in stage.outs)


def leaves_run(stage: Stage) -> bool:
    """Whether DVC writes an entry of the run cache when this stage has run."""
    travel = all((o.cached or o.shown) and o.local and not o.persist for o in stage.outs)
    here = all("://" not in dep.at for dep in stage.deps)
    every_time = stage.callback or stage.always_changed
    return travel and here and bool(stage.outs and stage.reads) and not every_time


def current_inputs(stage: Stage, look: StateReader) -> LockEntry:
    """Return the part of the stage's lock entry that is known before it runs.

    Raises
    ------
    MissingInputError
        A dep, a parameters file or a parameter does not exist.
    UndecidedError
        It is not known of one of them; none of the others is missing.
    """
    missing = []
    undecided: UndecidedError | None = None
    deps: list[tuple[str, Pointer]] = []
    for dep in stage.deps:
        try:
            pointer = look.dep(dep)
        except UndecidedError as exc:
            undecided = exc
            continue
        if pointer is None:
            missing.append(f"dependency {dep.path} does not exist")
        else:
            deps.append((dep.path, pointer))
    values: list[tuple[str, str, Mapping[str, Any]]] = []
    for params in stage.params:
        try:
            found = look.values(params)
        except UndecidedError as exc:
            undecided = exc
            continue
        if found is None:
            missing.append(f"parameters file {params.path} does not exist")
            continue
        lost = [key for key in params.keys if key not in found]
        missing += [f"parameter {key} is missing from {params.path}" for key in lost]
        values.append((params.path, params.key, found))
    if missing:
        raise MissingInputError(
            "; ".join(missing),
            "bring it back (dvc checkout or dvc pull for what DVC tracks), or correct dvc.yaml",
        )
    if undecided:
        raise undecided
    return inputs_entry(stage.cmd, deps, lock_params(values))
