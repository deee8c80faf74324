"""The key under which DVC's run cache keeps the results of a stage.

The rules are those of `dvc/stage/cache.py` (dvc 3.48 to 3.67); tests compare every key with DVC's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypedDict

# What dvc.lock says of a file or folder beside its path: hash, md5, size, nfiles, isexec.
Pointer = dict[str, Any]
# A stage as it stands in dvc.lock: cmd, deps, params, outs.
LockEntry = dict[str, Any]

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
    lock: LockEntry | None  # the entry of dvc.lock


def inputs_entry(spec: StageSpec, deps: Mapping[str, Pointer]) -> LockEntry:
    """Give the part of the stage's lock entry that is known before it runs.

    Parameters
    ----------
    deps : mapping of dep path to Pointer
        One for each of `spec["deps"]`.
    """
    entry: LockEntry = {"cmd": spec["cmd"]}
    if spec["deps"]:
        entry["deps"] = [{"path": path, **deps[path]} for path in sorted(spec["deps"])]
    if spec["params"]:
        entry["params"] = spec["params"]
    return entry


def run_cache_key(entry: LockEntry, outs: list[str]) -> str:
    """Give the key of the run with this `inputs_entry` and these out paths: 64 hex digits."""
    return _sha256({**entry, "outs": sorted(outs)})


def entry_key(entry: LockEntry) -> str:
    """Give the key of a whole lock entry."""
    return run_cache_key(entry, [out["path"] for out in entry.get("outs", [])])


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(_without(value), sort_keys=True).encode()).hexdigest()


def _without(value: Any) -> Any:
    # DVC leaves these names out at every depth, in the values of parameters too.
    if isinstance(value, Mapping):
        return {k: _without(v) for k, v in value.items() if k not in _NOT_IN_KEY}
    if isinstance(value, list):
        return [_without(v) for v in value]
    return value
