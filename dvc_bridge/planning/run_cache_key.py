"""The key of a stage's results in DVC's run cache.

The rules are those of `dvc/stage/cache.py` (dvc 3.48 to 3.67); tests compare every key with DVC's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any, TypedDict

from dvc_bridge.errors import UsageError
from dvc_bridge.pipeline.lock_entry import LockEntry, Pointer, item_path, lock_item, lock_items

_NOT_IN_KEY = ("size", "nfiles")


class StageSpec(TypedDict):
    """A stage with its templates resolved; plain data, so it can be sent as JSON or pickle."""

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
        Paths and their pointers in dvc.lock, including duplicates in dvc.yaml.
    params
        The result of `lock_params`.
    """
    entry: dict[str, Any] = {"cmd": cmd}
    if items := [lock_item(path, pointer) for path, pointer in deps]:
        entry["deps"] = sorted(items, key=item_path)
    if params:
        entry["params"] = params
    return entry


def run_cache_key(entry: LockEntry, outs: Iterable[str]) -> str:
    """Return the key of the run with this `inputs_entry` and these out paths: 64 hex digits.

    Raises
    ------
    UsageError
        A parameter has a type that a lock file cannot contain, such as a date.
    """
    return _sha256({**entry, "outs": sorted(outs)})


def restored_entry(run: LockEntry, inputs: LockEntry) -> LockEntry:
    """Return the lock entry of a stage whose outs come from a run with the same key.

    The key ignores parameters called `size` or `nfiles`, so all parameters come from `inputs`.
    """
    return {key: inputs["params"] if key == "params" else value for key, value in run.items()}


def lock_params(
    values: Iterable[tuple[str, str, Mapping[str, Any]]],
) -> dict[str, dict[str, Any]]:
    """Return parameters in the format and order of dvc.lock: file -> parameter -> value.

    Parameters
    ----------
    values
        The file's name in dvc.yaml, its name in dvc.lock, and the values. dvc.lock keeps one of two
        files with the same name.
    """
    params: dict[str, dict[str, Any]] = {}
    for _, file, file_values in sorted(values, key=itemgetter(0)):
        params[file] = {key: file_values[key] for key in sorted(file_values)}
    default_params = {file: params[file] for file in ("params.yaml",) if file in params}
    return {**default_params, **params}


def entry_key(entry: LockEntry) -> str:
    """Return the key of a whole lock entry."""
    return run_cache_key(entry, map(item_path, lock_items(entry, "outs")))


def entry_hash(entry: LockEntry) -> str:
    """Return the name of the entry's file in the key's folder: 64 hex digits."""
    return _sha256(entry)


def run_folder(key: str) -> str:
    """Return the folder of the runs with a key, in a cache or a remote."""
    return f"runs/{key[:2]}/{key}"


def run_path(entry: LockEntry) -> str:
    """Return the path of the file of a lock entry, in a cache or a remote."""
    return f"{run_folder(entry_key(entry))}/{entry_hash(entry)}"


def _sha256(value: Any) -> str:
    try:
        text = json.dumps(_drop_unkeyed(value), sort_keys=True)
    except TypeError as exc:
        raise UsageError(
            f"a parameter cannot be stored: {exc}", "quote dates in parameters"
        ) from exc
    return hashlib.sha256(text.encode()).hexdigest()


def _drop_unkeyed(value: Any) -> Any:
    # DVC drops these keys at every depth, including in values of parameters.
    if isinstance(value, Mapping):
        return {k: _drop_unkeyed(v) for k, v in value.items() if k not in _NOT_IN_KEY}
    if isinstance(value, list):
        return [_drop_unkeyed(v) for v in value]
    return value
