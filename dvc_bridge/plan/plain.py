"""Stages and lock entries as JSON and back, nothing lost: odd floats, big integers, odd keys.

The standard library's JSON keeps `inf` and `nan`. Keys that are no text, which YAML allows in
values of parameters, travel as pairs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dvc_bridge.plan.pipeline import Dependency, Kind, Output, Params, Stage

PAIRS = "\0pairs"


def to_text(value: Any) -> str:
    """Give a value of mappings, lists and scalars as one line of JSON."""
    return json.dumps(_packed(value), ensure_ascii=False, separators=(",", ":"))


def of_text(text: str | bytes) -> Any:
    """Give the value that `to_text` made a line of.

    Raises
    ------
    ValueError
        It did not.
    """
    return _unpacked(json.loads(text))


def plain_stage(stage: Stage) -> dict[str, Any]:
    """Give a stage as a value for `to_text`."""
    return {
        "file": stage.file,
        "name": stage.name,
        "kind": stage.kind.value,
        "cmd": stage.cmd,
        "wdir": stage.wdir,
        "deps": [[d.path, d.at, d.local] for d in stage.deps],
        "params": [[p.path, p.at, list(p.keys)] for p in stage.params],
        "outs": [[o.path, o.at, o.local, o.cached, o.persist, o.shown] for o in stage.outs],
        "frozen": stage.frozen,
        "always_changed": stage.always_changed,
        "group": stage.group,
        "data": dict(stage.data),
        "lock": None if stage.lock is None else dict(stage.lock),
    }


def stage_of(value: Mapping[str, Any]) -> Stage:
    """Give the stage that `plain_stage` made a value of."""
    return Stage(
        **{
            **value,
            "kind": Kind(value["kind"]),
            "deps": tuple(Dependency(*dep) for dep in value["deps"]),
            "params": tuple(Params(path, at, tuple(keys)) for path, at, keys in value["params"]),
            "outs": tuple(Output(*out) for out in value["outs"]),
        }
    )


def _packed(value: Any) -> Any:
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and PAIRS not in value:
            return {key: _packed(inner) for key, inner in value.items()}
        return {PAIRS: [[key, _packed(inner)] for key, inner in value.items()]}
    if isinstance(value, list | tuple):
        return [_packed(inner) for inner in value]
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        if PAIRS in value:
            return {key: _unpacked(inner) for key, inner in value[PAIRS]}
        return {key: _unpacked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_unpacked(inner) for inner in value]
    return value
