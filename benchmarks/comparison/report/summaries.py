"""Draw conclusions from the rows: who is ahead, what a task costs, all rows together. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.comparison.method_check import AGAIN, CHECK, PLAIN, SLOWED
from benchmarks.comparison.report.analysis import (
    BASELINE,
    FLOOR,
    OURS,
    Document,
    Entry,
    Row,
)
from benchmarks.comparison.statistics import (
    Ratio,
    geometric_mean,
    paired_ratio,
    penalised,
    ratio_interval,
)
from benchmarks.comparison.workload import ASKED

# From this on, a rival's lead is worth a sentence.
_WORTH_SAYING = 0.9
# What each rival on a cluster is compared with; every other one is compared with OURS.
OURS_ON_CLUSTER = {
    "argo_by_hand": "dvc_bridge_argo",
    "metaflow_kubernetes": "dvc_bridge_argo",
    "metaflow_argo": "dvc_bridge_argo",
    "metaflow_generated_kubernetes": "dvc_bridge_argo",
    "argo_by_hand_tuned": "dvc_bridge_argo_tuned",
    "metaflow_argo_tuned": "dvc_bridge_argo_tuned",
    "klej": "dvc_bridge_slurm",
    "slurm_by_hand": "dvc_bridge_slurm",
}


@dataclass(frozen=True)
class Lead:
    """A rival that needs less time than ours: by more than the noise, or in the only run."""

    row: Row
    entry: Entry
    ratio: Ratio


@dataclass(frozen=True)
class OwnFailure:
    """A row in which ours failed or exceeded the limit, and rivals did not; the fastest first."""

    row: Row
    entry: Entry
    rivals: tuple[Entry, ...]


@dataclass(frozen=True)
class Cost:
    """What a toolchain adds: for its start with one task, and for each further task.

    Parameters
    ----------
    n_tasks
        The largest fan-out in which the toolchain was measured.
    """

    toolchain: str
    title: str
    start_s: float
    per_task_s: float
    n_tasks: int


def check_method(document: Document) -> tuple[Ratio | None, Ratio | None, int]:
    """Return the ratios of the A/A pairs and of the planted slowdown, and how many pairs."""
    by_variant = {
        result["parameters"]["variant"]: result["times"]
        for result in document["results"]
        if result["parameters"]["workload"] == CHECK
    }
    plain = by_variant.get(PLAIN, [])
    pairs = (by_variant.get(AGAIN, []), by_variant.get(SLOWED, []))
    again, slowed = (paired_ratio(times, plain) if times and plain else None for times in pairs)
    return again, slowed, len(plain)


def find_leads(rows: Sequence[Row]) -> tuple[Lead, ...]:
    """Return the rivals that are at least 10 % ahead of ours; the floor is no rival.

    Rivals on a cluster are compared with `dvc-bridge submit` there, others with `dvc-bridge repro`.
    """
    leads = []
    for row in rows:
        for entry in row.entries:
            ours = row.find(_compared_with(entry))
            if not (ours and ours.is_good and _is_rival(entry)):
                continue
            ratio = ratio_interval(entry.times, ours.times)
            is_likely = ratio.high < 1 or not math.isfinite(ratio.high)
            if ratio.value <= _WORTH_SAYING and is_likely:
                leads.append(Lead(row, entry, ratio))
    return tuple(leads)


def find_own_failures(rows: Sequence[Row]) -> tuple[OwnFailure, ...]:
    """Return what of ours has no figure in a row in which a rival compared with it has one."""
    failures = []
    for row in rows:
        for name in dict.fromkeys((OURS, *OURS_ON_CLUSTER.values())):
            ours = row.find(name)
            rivals = [e for e in row.entries if _is_rival(e) and _compared_with(e) == name]
            if ours and ours.was_tried and not ours.is_good and rivals:
                rivals.sort(key=lambda e: (e.median.value if e.median else 0, e.title))
                failures.append(OwnFailure(row, ours, tuple(rivals)))
    return tuple(failures)


def _compared_with(entry: Entry) -> str:
    return OURS_ON_CLUSTER.get(entry.toolchain, OURS)


def _is_rival(entry: Entry) -> bool:
    return entry.is_good and entry.toolchain not in {OURS, FLOOR}


def find_costs(rows: Sequence[Row]) -> tuple[Cost, ...]:
    """Return what a start and a further task cost, from fan-outs of one task and of more."""
    medians: dict[int, dict[str, float]] = {}
    titles: dict[str, str] = {}
    for row in rows:
        name, _, width = row.workload.rpartition("-")
        if name == "fan-out" and row.phase == "cold":
            for entry in row.entries:
                titles.setdefault(entry.toolchain, entry.title)
                if entry.median and entry.is_good:
                    medians.setdefault(int(width), {})[entry.toolchain] = entry.median.value
    starts = medians.get(1, {})
    costs = []
    for toolchain, title in titles.items():
        n_tasks = max((n for n, found in medians.items() if toolchain in found), default=1)
        if toolchain in starts and n_tasks > 1:
            per_task_s = (medians[n_tasks][toolchain] - starts[toolchain]) / (n_tasks - 1)
            costs.append(Cost(toolchain, title, starts[toolchain], per_task_s, n_tasks))
    return tuple(costs)


def mean_ratios(rows: Sequence[Row]) -> dict[str, tuple[float, int, int]]:
    """Return toolchain -> geometric mean of its ratios, number of rows, number of penalties.

    The rows are those of runs with a wall time in which the baseline was measured and the toolchain
    was measured, failed or exceeded the limit.
    """
    values: dict[str, list[float]] = {}
    baselines: dict[str, list[float]] = {}
    penalties: dict[str, int] = {}
    for row in rows:
        base = row.find(BASELINE)
        if row.is_metg or row.phase == ASKED or not (base and base.median):
            continue
        tried = [entry for entry in row.entries if entry.has_result]
        medians = penalised({e.toolchain: e.median.value if e.median else None for e in tried})
        for entry in tried:
            values.setdefault(entry.toolchain, []).append(medians[entry.toolchain])
            baselines.setdefault(entry.toolchain, []).append(base.median.value)
            penalties[entry.toolchain] = penalties.get(entry.toolchain, 0) + (not entry.is_good)
    return {
        name: (geometric_mean(times, baselines[name]), len(times), penalties[name])
        for name, times in values.items()
    }
