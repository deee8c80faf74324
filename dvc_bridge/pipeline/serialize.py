"""Stages and lock entries as JSON and back, nothing lost: odd floats, odd keys, anchors.

The standard library's JSON keeps `inf` and `nan`. Keys that are no text, which YAML allows in
values of parameters, travel as pairs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dvc_bridge.pipeline.stage import Dependency, Output, Params, Stage, StageKind

PAIRS, SAME = "\0pairs", "\0same"


def to_text(value: Any) -> str:
    """Return a value of mappings, lists and scalars as one line of JSON."""
    return json.dumps(_Packing(value)(value), ensure_ascii=False, separators=(",", ":"))


def from_text(text: str | bytes) -> Any:
    """Return the value that `to_text` made a line of.

    Raises
    ------
    ValueError
        It did not.
    """
    return _unpacked(json.loads(text), {})


def plain_stage(stage: Stage) -> dict[str, Any]:
    """Return a stage as a value for `to_text`."""
    return {
        "file": stage.file,
        "name": stage.name,
        "kind": stage.kind.value,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": [[d.path, d.at, d.local] for d in stage.deps],
        "params": [
            [p.path, p.at, list(p.keys), *([p.lock_path] if p.lock_path else ())]
            for p in stage.params
        ],
        "outs": [[o.path, o.at, o.local, o.cached, o.persist, o.shown] for o in stage.outs],
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "group": stage.group,
        "data": dict(stage.data),
        "lock": None if stage.lock is None else dict(stage.lock),
    }


def parse_stage(value: Mapping[str, Any]) -> Stage:
    """Return the stage that `plain_stage` made a value of."""
    return Stage(
        **{
            **value,
            "kind": StageKind(value["kind"]),
            "deps": tuple(Dependency(*dep) for dep in value["deps"]),
            "params": tuple(
                Params(path, at, tuple(keys), *more) for path, at, keys, *more in value["params"]
            ),
            "outs": tuple(Output(*out) for out in value["outs"]),
        }
    )


class _Packing:
    """Makes JSON of a value; a container that stands in it twice, by a YAML anchor, stays one."""

    def __init__(self, value: Any) -> None:
        self._seen: Counter[int] = Counter()
        self._count(value)
        self._numbers: dict[int, int] = {}

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, Mapping | list | tuple):
            return value
        if self._seen[id(value)] < 2:
            return self._inside(value)
        known = self._numbers.get(id(value))
        if known is not None:
            return {SAME: known}
        self._numbers[id(value)] = number = len(self._numbers)
        return {SAME: number, "is": self._inside(value)}

    def _inside(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return [self(inner) for inner in value]
        if all(isinstance(key, str) for key in value) and not {PAIRS, SAME} & value.keys():
            return {key: self(inner) for key, inner in value.items()}
        return {PAIRS: [[key, self(inner)] for key, inner in value.items()]}

    def _count(self, value: Any) -> None:
        if isinstance(value, Mapping | list) and value:
            self._seen[id(value)] += 1
            if self._seen[id(value)] == 1:
                for inner in value.values() if isinstance(value, Mapping) else value:
                    self._count(inner)


def _unpacked(value: Any, known: dict[int, Any]) -> Any:
    if isinstance(value, list):
        return [_unpacked(inner, known) for inner in value]
    if not isinstance(value, dict):
        return value
    if PAIRS in value:
        return {key: _unpacked(inner, known) for key, inner in value[PAIRS]}
    if SAME not in value:
        return {key: _unpacked(inner, known) for key, inner in value.items()}
    if "is" in value:
        known[value[SAME]] = _unpacked(value["is"], known)
    return known[value[SAME]]
