"""The key under which DVC's run cache keeps the results of a stage.

The rules are those of `dvc/stage/cache.py` (dvc 3.48 to 3.67); tests compare every key with DVC's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, TypedDict

from dvc_bridge.errors import UsageError

Pointer = Mapping[str, Any]
LockEntry = Mapping[str, Any]

_NOT_IN_KEY = ("size", "nfiles")


class StageSpec(TypedDict):
    """A stage with its templates resolved; plain data, so it can travel as JSON or pickle."""

    name: str
    wdir: str  # from the project's root; the paths below are from `wdir`
    cmd: str | list[str]
    deps: list[str]
    params: dict[str, dict[str, Any]]  # file -> parameter -> value
    outs: list[str]
    data: dict[str, Any]  # the entry of dvc.yaml
    lock: dict[str, Any] | None  # the entry of dvc.lock


def inputs_entry(
    cmd: str | list[str] | None,
    deps: Iterable[tuple[str, Pointer]],
    params: Mapping[str, Mapping[str, Any]],
) -> LockEntry:
    """Return the part of a stage's lock entry that is known before it runs.

    Parameters
    ----------
    deps
        Paths and what dvc.lock says of them; one that stands twice in dvc.yaml does so here too.
    params
        As `lock_params` gives them.
    """
    entry: dict[str, Any] = {"cmd": cmd}
    if items := [{**pointer, "path": path} for path, pointer in deps]:
        entry["deps"] = sorted(items, key=itemgetter("path"))
    if params:
        entry["params"] = params
    return entry


def run_cache_key(entry: LockEntry, outs: Iterable[str]) -> str:
    """Return the key of the run with this `inputs_entry` and these out paths: 64 hex digits.

    Raises
    ------
    UsageError
        A parameter is of a type that no lock file can hold, such as a date.
    """
    return _sha256({**entry, "outs": sorted(outs)})


def restored_entry(run: LockEntry, inputs: LockEntry) -> LockEntry:
    """Return what dvc.lock says of a stage whose outs come from a run with the same key.

    The key knows nothing of parameters called `size` or `nfiles`: all are taken from `inputs`.
    """
    return {key: inputs["params"] if key == "params" else value for key, value in run.items()}


def lock_params(
    values: Iterable[tuple[str, str, Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """Return parameters as dvc.lock has them: file -> parameter -> value, in its order.

    Parameters
    ----------
    values
        The file as dvc.yaml calls it, what dvc.lock calls it, and the values. Of two that dvc.lock
        calls the same, it keeps one.
    """
    found: dict[str, dict[str, Any]] = {}
    for _, file, given in sorted(values, key=itemgetter(0)):
        found[file] = {key: given[key] for key in sorted(given)}
    usual = {file: found[file] for file in ("params.yaml",) if file in found}
    return {**usual, **found}


def entry_key(entry: LockEntry) -> str:
    """Return the key of a whole lock entry."""
    return run_cache_key(entry, [out["path"] for out in entry.get("outs", [])])


def entry_hash(entry: LockEntry) -> str:
    """Return the name of the file in the key's folder that holds the entry: 64 hex digits."""
    return _sha256(entry)


def run_folder(key: str) -> str:
    """Return the folder, in a cache or a remote, of the runs with a key."""
    return f"runs/{key[:2]}/{key}"


def run_path(entry: LockEntry) -> str:
    """Return the file, in a cache or a remote, that holds a lock entry."""
    return f"{run_folder(entry_key(entry))}/{entry_hash(entry)}"


def _sha256(value: Any) -> str:
    try:
        text = json.dumps(_without(value), sort_keys=True)
    except TypeError as exc:
        raise UsageError(f"a parameter cannot be kept: {exc}", "quote dates in it") from exc
    return hashlib.sha256(text.encode()).hexdigest()


def _without(value: Any) -> Any:
    # DVC leaves these names out at every depth, in the values of parameters too.
    if isinstance(value, Mapping):
        return {k: _without(v) for k, v in value.items() if k not in _NOT_IN_KEY}
    if isinstance(value, list):
        return [_without(v) for v in value]
    return value
