"""How the parameters of a run differ from those of a git revision, as DVC counts them."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from dvc_bridge.app.run_entries import Entries, with_folders
from dvc_bridge.dvcio.reading.revision_values import Values
from dvc_bridge.pipeline.stage import Pipeline, Stage
from dvc_bridge.report.values import ParamChange, is_same, param_values

# A file, and a parameter in it, such as `train.depth`; an empty one stands for the whole file.
Name = tuple[str, str]


def run_params(entries: Entries, pipeline: Pipeline) -> dict[Name, Any]:
    """Return the parameters that the stages of a run read, without nested mappings."""
    return {
        (file, leaf): value
        for (file, key), tracked in _tracked(entries, pipeline).items()
        for leaf, value in param_values(tracked, key).items()
    }


def param_changes(entries: Entries, pipeline: Pipeline, before: Values) -> list[ParamChange]:
    """Return the parameters of the run that differ from a revision.

    Parameters
    ----------
    before
        What all stages of the revision read, by file.
    """
    new = run_params(entries, pipeline)
    tracked = list(_tracked(entries, pipeline))
    old = {
        (file, leaf): value
        for file, key in tracked
        for leaf, value in param_values(_value_at(before.get(file), key), key).items()
    }
    reads = _Reads(tracked, entries, pipeline)
    gone = {
        (file, leaf): value
        for file, values in before.items()
        for leaf, value in param_values(values).items()
        if not reads.has(file, leaf)
    }
    old = {**gone, **old}
    names = sorted(n for n in {*old, *new} if not is_same(old.get(n), new.get(n)))
    return [ParamChange(":".join(n), old.get(n), new.get(n)) for n in names]


def _tracked(entries: Entries, pipeline: Pipeline) -> dict[Name, Any]:
    """Return the values in the entries by file and key; a value can be a mapping."""
    return {
        (posixpath.normpath(posixpath.join(folder, file)), str(key)): value
        for folder, entry in with_folders(entries, pipeline)
        for file, values in (entry.get("params") or {}).items()
        for key, value in values.items()
    }


class _Reads:
    """The parameters that the stages of a project read now, whatever their values."""

    def __init__(self, tracked: Iterable[Name], entries: Entries, pipeline: Pipeline) -> None:
        self._keys: dict[str, set[str]] = {}
        for file, key in tracked:
            self._keys.setdefault(file, set()).add(key)
        for stage in pipeline.stages:
            for file, key in _keys(stage):
                # A whole file that the run read has no other parameters than those of the run.
                if key or stage.address not in entries:
                    self._keys.setdefault(file, set()).add(key)

    def has(self, file: str, name: str) -> bool:
        """Return whether a stage reads a parameter, one above it, or an item of it."""
        keys = self._keys.get(file, set())
        return is_covered(name, keys) or any(key.startswith(f"{name}.") for key in keys)


def is_covered(name: str, keys: Collection[str]) -> bool:
    """Return whether a parameter is one of the keys, or in one; an empty key is the whole file."""
    parts = name.split(".")
    return any(".".join(parts[:count]) in keys for count in range(len(parts) + 1))


def _keys(stage: Stage) -> Iterator[Name]:
    """Yield what a stage reads, as dvc.yaml has it."""
    for params in stage.params:
        yield from ((params.at, key) for key in params.keys or ("",))


def _value_at(values: Any, key: str) -> Any:
    """Return the value of a parameter as DVC finds it; None if there is none."""
    for part in key.split("."):
        if isinstance(values, Mapping) and key in values:
            return values[key]
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdecimal() and int(part) < len(values):
            values = values[int(part)]
        else:
            return None
    return values
