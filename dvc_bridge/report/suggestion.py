"""Suggest requests for dvc-bridge.yaml that would have fitted a run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from dvc_bridge.pipeline.auto_memory import fitting_memory
from dvc_bridge.pipeline.trace import StageTrace
from dvc_bridge.report.format import duration, size

# Shorter commands say nothing about the CPUs that a stage can use.
LEAST_S = 1.0
MOST = 40


def suggested_settings(stages: Sequence[StageTrace]) -> str:
    """Return the section `stages` of dvc-bridge.yaml as text; empty if no command was measured.

    Stages of one foreach or matrix get one entry, for the largest of them.
    """
    families: dict[str, list[StageTrace]] = {}
    for stage in stages:
        if stage.execution and stage.execution.usage and stage.outcome == "ran":
            families.setdefault(_glob(stage.address), []).append(stage)
    if not families:
        return ""
    lines = ["stages:"]
    largest = sorted(families.items(), key=lambda family: -max(map(_peak, family[1])))
    for glob, members in largest[:MOST]:
        usages = [s.execution.usage for s in members if s.execution and s.execution.usage]
        peak = max(usages, key=lambda usage: usage.peak_bytes)
        mark = "at most " if peak.is_upper_limit else ""
        lines.append(f"  {json.dumps(glob, ensure_ascii=False)}:")
        lines.append(
            f"    memory: {fitting_memory(peak.peak_bytes)}"
            f"  # largest process {mark}{size(peak.peak_bytes)}"
        )
        if long := [found for found in map(_cpus, members) if found[1] >= LEAST_S]:
            cpus, seconds = max(long)
            wanted = max(0.25, math.ceil(cpus * 4) / 4)
            lines.append(f"    cpu: {wanted:g}  # used {cpus:.2f} for {duration(seconds)}")
    if len(largest) > MOST:
        lines.append(f"  # {len(largest) - MOST} more used less memory")
    return "\n".join(lines)


def _peak(stage: StageTrace) -> int:
    return stage.execution.usage.peak_bytes if stage.execution and stage.execution.usage else 0


def _cpus(stage: StageTrace) -> tuple[float, float]:
    """Return how many CPUs a command used on average, and for how long."""
    execution = stage.execution
    seconds = execution.command_s if execution else None
    if not (execution and execution.usage and seconds):
        return 0.0, 0.0
    return execution.usage.cpu_s / seconds, seconds


def _glob(address: str) -> str:
    name, at, _ = address.partition("@")
    escaped = "".join(f"[{c}]" if c in "*?[" else c for c in name)
    return f"{escaped}@*" if at else escaped
