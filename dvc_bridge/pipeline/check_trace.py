"""Check that JSON has the form of a trace: a file can be damaged or edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.pipeline.quantity import check_quantity
from dvc_bridge.pipeline.trace import (
    Execution,
    RunTrace,
    StageTrace,
    Usage,
    check_schema,
)

_OUTCOMES = {*(outcome.value for outcome in Outcome), "running", "waiting"}
# The annotations of fields, without `| None`, and what JSON has for them.
KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "tuple[int, ...]": (list,),
    "tuple[str, ...]": (list,),
    "tuple[StageTrace, ...]": (list,),
    "Requests": (dict,),
    "LockEntry": (dict,),
    "Execution": (dict,),
    "Usage": (dict,),
}
# Python has no dates for later and much earlier times.
_MOST_S = 6e10
_MOST_COUNT = 2**63


def check_run(value: Any) -> None:
    """Check a whole trace.

    Raises
    ------
    ValueError
        It is not a trace; the message says where.
    VersionMismatchError
        A newer version of dvc-bridge wrote it.
    """
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(schema, int):
        raise ValueError("it has no schema")  # noqa: TRY004  one kind of error
    check_schema(schema)
    _check(RunTrace, value, "the trace")
    if "stages" not in value:
        raise ValueError("the trace has no stages")
    for place, stage in enumerate(value["stages"]):
        check_stage(stage, place, len(value["stages"]))


def check_stage(value: Any, place: int, count: int) -> None:
    """Check one of the `count` stages of a trace; raises the same error as `check_run`."""
    where = f"stage {place}"
    _check(StageTrace, value, where)
    outcome = value.get("outcome", "waiting")
    if outcome not in _OUTCOMES:
        raise ValueError(f"{where}: there is no outcome {outcome!r}")
    if not all(isinstance(up, int) and 0 <= up < count for up in value.get("waits_for", ())):
        raise ValueError(f"{where} waits for a stage that does not exist")
    if not all(isinstance(reason, str) for reason in value.get("retry_reasons", ())):
        raise ValueError(f"{where}: retry_reasons is not valid")
    for request in value.get("requests", {}).values():
        check_quantity(str(request))
    _check_entry(value.get("entry", {}), where)
    if (execution := value.get("execution")) is not None:
        _check(Execution, execution, where)
        if (usage := execution.get("usage")) is not None:
            _check(Usage, usage, where)


def _check(kind: type, value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not a mapping")  # noqa: TRY004  one kind of error
    for field in fields(kind):
        annotation = str(field.type)
        known = value.get(field.name)
        if known is None:
            is_needed = field.default is MISSING and field.default_factory is MISSING
            if is_needed or (field.name in value and not annotation.endswith("| None")):
                raise ValueError(f"{where} has no {field.name}")
        elif not _is_valid(known, annotation.removesuffix(" | None")):
            raise ValueError(f"{where}: {field.name} is not valid")


def _is_valid(value: Any, annotation: str) -> bool:
    limit = {"float": _MOST_S, "int": _MOST_COUNT}.get(annotation)
    is_small = limit is None or not isinstance(value, int | float) or abs(value) < limit  # not NaN
    return isinstance(value, KINDS[annotation]) and is_small


def _check_entry(entry: Mapping[str, Any], where: str) -> None:
    params = entry.get("params", {})
    if not isinstance(params, dict) or not _are_mappings(params.values()):
        raise ValueError(f"{where}: params are not valid")
    for section in ("deps", "outs"):
        items = entry.get(section, [])
        if not isinstance(items, list) or not _are_mappings(items):
            raise ValueError(f"{where}: {section} are not valid")
        if not all(isinstance(text, str) for item in items for text in _texts(item)):
            raise ValueError(f"{where}: {section} have a path or md5 that is not a text")


def _are_mappings(values: Iterable[Any]) -> bool:
    return all(isinstance(value, dict) for value in values)


def _texts(item: Mapping[str, Any]) -> Iterator[Any]:
    yield item.get("path")
    yield item.get("md5", "")
