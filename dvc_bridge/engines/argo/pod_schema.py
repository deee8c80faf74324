"""Check of parts of a pod's specification that come from the user, by Kubernetes' own types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dvc_bridge.pipeline.suggest import suggest

_SCALARS: dict[str, tuple[type, ...]] = {"str": (str, int), "bool": (bool,), "int": (int,)}
_LIST = re.compile(r"(?:list|List)\[(.+)\]")


def find_pod_problems(value: Any, kind: str, where: str) -> Iterator[str]:
    """Yield the fields that Kubernetes does not know, and those of the wrong type.

    Parameters
    ----------
    kind
        The name of the type in the Python client of Kubernetes, such as `V1PodSpec`.
    where
        The path of the value, for messages.
    """
    if listed := _LIST.fullmatch(kind):
        if not isinstance(value, list):
            yield f"{where} must be a list"
            return
        for number, item in enumerate(value):
            yield from find_pod_problems(item, listed[1], f"{where}[{number}]")
    elif kind in _SCALARS:
        if not isinstance(value, _SCALARS[kind]) or (kind != "bool" and isinstance(value, bool)):
            yield f"{where} must be {'text' if kind == 'str' else f'of type {kind}'}"
    elif kind.startswith("V"):
        yield from _object_problems(value, kind, where)


def _object_problems(value: Any, kind: str, where: str) -> Iterator[str]:
    from kubernetes import client  # noqa: PLC0415  an extra

    if not isinstance(value, Mapping):
        yield f"{where} must be a mapping"
        return
    model = getattr(client, kind)
    kinds = {field: model.openapi_types[name] for name, field in model.attribute_map.items()}
    for key, inner in value.items():
        if key.startswith("$"):  # a directive of a strategic merge patch
            continue
        if key not in kinds:
            yield f"{where}.{key} is no field of a pod{suggest(key, list(kinds))}"
        elif inner is not None:
            yield from find_pod_problems(inner, kinds[key], f"{where}.{key}")
