"""The settings of one stage from those of all globs that match it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from dvc_bridge.pipeline.auto_memory import AutoMemory
from dvc_bridge.pipeline.pod_settings import PodSettings
from dvc_bridge.pipeline.quantity import amount, growing
from dvc_bridge.pipeline.task_settings import USUAL_GPU, USUAL_RETRIES, Resources

# Settings that are combined entry by entry; of all others, the later one wins.
_COMBINED = ("labels", "annotations", "env", "secret_files", "volumes")
_POD_KEYS = tuple(field.name for field in fields(PodSettings))
# Memory that grows without another limit than `memory_max` reaches it in this many attempts.
_MOST_ATTEMPTS = 10


def combine(values: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of a later glob, which win."""
    combined = {**values, **later}
    for key in _COMBINED:
        if key in values and key in later:
            combined[key] = tuple(sorted({**dict(values[key]), **dict(later[key])}.items()))
    return combined


def resources_of(values: Mapping[str, Any]) -> Resources:
    """Return the settings of a stage, which must have no conflicts."""
    rest = dict(values)
    pod = {key: rest.pop(key) for key in _POD_KEYS if key in rest}
    auto = _auto_memory(values)
    memories = auto.by_attempt(auto.first[0]) if auto else _memories(values)
    for key in ("memory", "memory_growth", "memory_max"):
        rest.pop(key, None)
    timeouts = rest.pop("timeout", ())
    gpu, gpu_resource = rest.pop("gpu", (0, None))
    return Resources(
        **rest,
        memory=memories[0] if memories else None,
        memories=memories if len(memories) > 1 else (),
        timeout=timeouts[0] if timeouts else None,
        timeouts=timeouts if len(timeouts) > 1 else (),
        gpu=gpu,
        gpu_resource=gpu_resource or USUAL_GPU,
        pod=PodSettings(**pod),
        auto_memory=auto,
    )


def _auto_memory(values: Mapping[str, Any]) -> AutoMemory | None:
    memory = values.get("memory")
    if not isinstance(memory, AutoMemory):
        return None
    largest = values.get("memory_max", "")
    return replace(
        memory,
        growth=values.get("memory_growth"),
        largest=largest,
        count=_most_attempts(values, largest),
    )


def _memories(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the memory of each attempt."""
    memories: tuple[str, ...] = values.get("memory", ())
    if not memories or "memory_growth" not in values:
        return memories
    largest = values.get("memory_max", "")
    return growing(memories[0], values["memory_growth"], largest, _most_attempts(values, largest))


def _most_attempts(values: Mapping[str, Any], largest: str) -> int:
    return _MOST_ATTEMPTS if largest else 1 + int(values.get("retries", USUAL_RETRIES))


def conflicts(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with settings that are valid one by one."""
    memory, growth = values.get("memory", ()), values.get("memory_growth")
    memories = memory.first if isinstance(memory, AutoMemory) else memory
    largest, limit = values.get("memory_max"), values.get("memory_limit")
    if growth and not memories:
        yield "memory_growth needs memory, from which it grows"
    if growth and len(memories) > 1:
        yield "memory_growth needs one memory, not a list"
    if largest and not growth:
        yield "memory_max needs memory_growth"
    if largest and memories and amount(largest) < amount(memories[0]):
        yield f"memory_max is {largest}, less than memory, {memories[0]}"
    if limit and isinstance(memory, AutoMemory):
        yield "memory_limit needs a memory that is written down: auto may exceed it"
    elif limit and (growth or len(memories) > 1):
        yield "memory_limit needs one memory: attempts with the same limit would end the same"
    attempts = max(
        1 + values.get("retries", USUAL_RETRIES), len(memories), len(values.get("timeout", ()))
    )
    if "pending_timeout" in values and (attempts > 1 or growth):
        yield "pending_timeout needs retries: 0: Argo 4.1 ignores it for pods that it may retry"
    for resource in ("memory", "cpu"):
        most = values.get(f"{resource}_limit")
        first = values.get(resource) if resource == "cpu" else next(iter(memories), None)
        if first and most and amount(most) < amount(first):
            yield f"{resource}_limit is {most}, less than {resource}, {first}"
