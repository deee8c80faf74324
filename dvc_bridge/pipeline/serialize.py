"""Lossless conversion of stages and lock entries to JSON and back.

It preserves special floats, keys that are not strings, and anchors.

The standard library's JSON keeps `inf` and `nan`. Keys that are not strings, which YAML
allows in values of parameters, become pairs.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage, StageKind

PAIRS, SAME = "\0pairs", "\0same"


def to_text(value: Any) -> str:
    """Return a value of mappings, lists and scalars as one line of JSON."""
    return json.dumps(_Encoder(value)(value), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str | bytes) -> Any:
    """Return the value from a line that `to_text` returned.

    Raises
    ------
    ValueError
        The text is not JSON.
    """
    return _decode(json.loads(text), {})


def plain_stage(stage: Stage) -> dict[str, Any]:
    """Return a stage as a value for `to_text`.

    The locations of files outside the project are those in a copy of its repository, which other
    machines have in another folder; absolute paths in dvc.yaml stay.
    """
    return {
        "file": stage.file,
        "name": stage.name,
        "kind": stage.kind.value,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": [[d.path, _portable_location(d, stage.wdir), d.local] for d in stage.deps],
        "params": [
            [
                p.path,
                _portable_location(p, stage.wdir),
                list(p.keys),
                *([p.lock_path] if p.lock_path else ()),
            ]
            for p in stage.params
        ],
        "outs": [[o.path, o.at, o.local, o.cached, o.persist, o.shown] for o in stage.outs],
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "group": stage.group,
        "data": dict(stage.data),
        "lock": None if stage.lock is None else dict(stage.lock),
    }


def _portable_location(read: Dependency | Params, wdir: str) -> str:
    """Return the location of a file that a stage reads, relative to the root if possible."""
    if read.at.startswith("/") and not read.path.startswith("/"):
        return posixpath.normpath(posixpath.join(wdir, read.path))
    return read.at


def parse_stage(value: Mapping[str, Any]) -> Stage:
    """Return the stage from a value that `plain_stage` returned."""
    return Stage(
        **{
            **value,
            "kind": StageKind(value["kind"]),
            "deps": tuple(Dependency(*dep) for dep in value["deps"]),
            "params": tuple(
                Params(path, location, tuple(keys), *lock_path)
                for path, location, keys, *lock_path in value["params"]
            ),
            "outs": tuple(Output(*out) for out in value["outs"]),
        }
    )


class _Encoder:
    """Converts a value to JSON values; a container that a YAML anchor shares stays shared."""

    def __init__(self, value: Any) -> None:
        self._uses: Counter[int] = Counter()
        self._count_uses(value)
        self._numbers: dict[int, int] = {}

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, Mapping | list | tuple):
            return value
        if self._uses[id(value)] < 2:
            return self._encode_items(value)
        earlier = self._numbers.get(id(value))
        if earlier is not None:
            return {SAME: earlier}
        self._numbers[id(value)] = number = len(self._numbers)
        return {SAME: number, "is": self._encode_items(value)}

    def _encode_items(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return [self(inner) for inner in value]
        if all(isinstance(key, str) for key in value) and not {PAIRS, SAME} & value.keys():
            return {key: self(inner) for key, inner in value.items()}
        return {PAIRS: [[key, self(inner)] for key, inner in value.items()]}

    def _count_uses(self, value: Any) -> None:
        if isinstance(value, Mapping | list) and value:
            self._uses[id(value)] += 1
            if self._uses[id(value)] == 1:
                for inner in value.values() if isinstance(value, Mapping) else value:
                    self._count_uses(inner)


def _decode(value: Any, shared: dict[int, Any]) -> Any:
    if isinstance(value, list):
        return [_decode(inner, shared) for inner in value]
    if not isinstance(value, dict):
        return value
    if PAIRS in value:
        return {key: _decode(inner, shared) for key, inner in value[PAIRS]}
    if SAME not in value:
        return {key: _decode(inner, shared) for key, inner in value.items()}
    if "is" in value:
        shared[value[SAME]] = _decode(value["is"], shared)
    return shared[value[SAME]]
