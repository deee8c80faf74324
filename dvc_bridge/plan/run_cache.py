"""The key under which DVC's run cache keeps the results of a stage.

The rules are those of `dvc/stage/cache.py` (dvc 3.48 to 3.67); tests compare every key with DVC's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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
    deps: Mapping[str, Pointer],
    params: Mapping[str, Mapping[str, Any]],
) -> LockEntry:
    """Give the part of a stage's lock entry that is known before it runs.

    Parameters
    ----------
    deps
        Dep path -> what dvc.lock says of it.
    params
        Parameters file -> parameter -> value.
    """
    entry: dict[str, Any] = {"cmd": cmd}
    if deps:
        entry["deps"] = [{**deps[path], "path": path} for path in sorted(deps)]
    if params:
        entry["params"] = params
    return entry


def run_cache_key(entry: LockEntry, outs: Iterable[str]) -> str:
    """Give the key of the run with this `inputs_entry` and these out paths: 64 hex digits.

    Raises
    ------
    UsageError
        A parameter is of a type that no lock file can hold, such as a date.
    """
    return _sha256({**entry, "outs": sorted(outs)})


def restored_entry(run: LockEntry, inputs: LockEntry) -> LockEntry:
    """Give what dvc.lock says of a stage whose outs come from a run with the same key.

    The key knows nothing of parameters called `size` or `nfiles`: all are taken from `inputs`.
    """
    params = ordered_params(inputs.get("params", {}))
    return {key: params if key == "params" else value for key, value in run.items()}


def ordered_params(params: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Put parameters, file -> parameter -> value, in the order in which dvc.lock has them."""
    files = sorted(params, key=lambda file: (file != "params.yaml", file))
    return {file: {key: params[file][key] for key in sorted(params[file])} for file in files}


def entry_key(entry: LockEntry) -> str:
    """Give the key of a whole lock entry."""
    return run_cache_key(entry, [out["path"] for out in entry.get("outs", [])])


def entry_hash(entry: LockEntry) -> str:
    """Give the name of the file in the key's folder that holds the entry: 64 hex digits."""
    return _sha256(entry)


def run_folder(key: str) -> str:
    """Give the folder, in a cache or a remote, of the runs with a key."""
    return f"runs/{key[:2]}/{key}"


def run_path(entry: LockEntry) -> str:
    """Give the file, in a cache or a remote, that holds a lock entry."""
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
