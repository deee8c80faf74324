"""What a run cost: quantities from its trace, times the prices in dvc-bridge.yaml.

Pods and jobs are paid for by what they request and for as long as they hold it. Commands on this
machine, and resources without a request, count by what was measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.pipeline.prices import Prices
from dvc_bridge.pipeline.quantity import amount
from dvc_bridge.pipeline.shorten import counted
from dvc_bridge.pipeline.trace import Execution, RunTrace, StageTrace

REQUESTED, MEASURED = "requested", "measured"
# Their workers are processes of this machine, or tell nothing of requests.
_WITHOUT_REQUESTS = ("local", "processes", "metaflow")
# Unit -> what settings call the resource.
_REQUESTS = {"cpu_hour": "cpu", "gb_hour": "memory", "gpu_hour": "gpu"}
_GB, _HOUR_S = 1e9, 3600.0


@dataclass(frozen=True, slots=True)
class CostLine:
    """A quantity of one unit, and what it costs.

    Parameters
    ----------
    unit
        The name of a price in `Prices`.
    basis
        `requested` or `measured`.
    """

    unit: str
    basis: str
    quantity: float
    price: float

    @property
    def amount(self) -> float:
        """The quantity times the price."""
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a stage cost."""

    address: str
    lines: tuple[CostLine, ...]

    @property
    def amount(self) -> float:
        """The sum of its lines."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True)
class RunCost:
    """What a run cost.

    Parameters
    ----------
    lines
        The sums over all stages, by unit and basis.
    stages
        The stages with a quantity, those with the largest amount first.
    unknown
        Quantities that have a price but are not known, as sentences; they count as 0.
    """

    currency: str
    lines: tuple[CostLine, ...]
    stages: tuple[StageCost, ...]
    unknown: tuple[str, ...]

    @property
    def amount(self) -> float:
        """The sum of all lines."""
        return sum(line.amount for line in self.lines)


def cost_of(trace: RunTrace | None, prices: Prices) -> RunCost | None:
    """Return what a run cost; None: there are no prices, or there is no run."""
    if trace is None or not prices.by_unit:
        return None
    stages = [
        StageCost(stage.address, tuple(_lines(stage, stage.execution, trace, prices)))
        for stage in trace.stages
        if stage.execution is not None
    ]
    stages = [stage for stage in stages if stage.lines]
    sums: dict[tuple[str, str, float], float] = defaultdict(float)
    for stage in stages:
        for line in stage.lines:
            sums[line.unit, line.basis, line.price] += line.quantity
    order = list(prices.by_unit)
    lines = sorted(
        (CostLine(unit, basis, sums[unit, basis, price], price) for unit, basis, price in sums),
        key=lambda line: (order.index(line.unit), line.basis),
    )
    return RunCost(
        prices.currency,
        tuple(lines),
        tuple(sorted(stages, key=lambda stage: (-stage.amount, stage.address))),
        tuple(_unknown(trace, prices)),
    )


def plain_cost(cost: RunCost) -> dict[str, Any]:
    """Return a cost as a value for JSON."""
    return {
        "currency": cost.currency,
        "amount": cost.amount,
        "lines": _plain_lines(cost.lines),
        "stages": [
            {"address": stage.address, "amount": stage.amount, "lines": _plain_lines(stage.lines)}
            for stage in cost.stages
        ],
        "unknown": list(cost.unknown),
    }


def _plain_lines(lines: Sequence[CostLine]) -> list[dict[str, Any]]:
    return [
        {
            "unit": line.unit,
            "basis": line.basis,
            "quantity": line.quantity,
            "price": line.price,
            "amount": line.amount,
        }
        for line in lines
    ]


def _lines(
    stage: StageTrace, execution: Execution, trace: RunTrace, prices: Prices
) -> Iterator[CostLine]:
    for unit, price in prices.by_unit.items():
        found = _requested(unit, stage, execution, trace) or _measured(unit, execution, trace)
        if found is not None and found[1]:
            yield CostLine(unit, *found, price)


def _requested(
    unit: str, stage: StageTrace, execution: Execution, trace: RunTrace
) -> tuple[str, float] | None:
    """Return a quantity that the stage's pod or job requested while it worked on the stage."""
    if trace.engine in _WITHOUT_REQUESTS or execution.ended is None:
        return None
    hours = (execution.ended - execution.started) / _HOUR_S
    wanted = stage.requests.get(_REQUESTS.get(unit, ""))
    if wanted is None:
        return None
    return REQUESTED, amount(str(wanted)) * hours / (_GB if unit == "gb_hour" else 1)


def _measured(unit: str, execution: Execution, trace: RunTrace) -> tuple[str, float] | None:
    usage, seconds = execution.usage, execution.command_s
    if unit == "gb_moved" and _knows_moved(trace):
        return MEASURED, (execution.pulled_bytes + execution.pushed_bytes) / _GB
    if unit == "cpu_hour" and usage:
        return MEASURED, usage.cpu_s / _HOUR_S
    if unit == "gb_hour" and usage and seconds is not None:
        return MEASURED, usage.peak_bytes / _GB * seconds / _HOUR_S
    return None


def _knows_moved(trace: RunTrace) -> bool:
    return trace.engine not in ("local", "metaflow")


def _unknown(trace: RunTrace, prices: Prices) -> Iterator[str]:
    units = prices.by_unit
    if "request" in units:
        yield "Requests to the remote are not counted."
    if "gb_moved" in units and not _knows_moved(trace):
        yield f"What runs of the engine {trace.engine} move is not recorded."
    if "gpu_hour" in units and trace.engine in _WITHOUT_REQUESTS:
        yield "The use of GPUs is not measured; only requests of pods and jobs count."
    executions = [stage.execution for stage in trace.stages if stage.execution is not None]
    if open_count := sum(execution.ended is None for execution in executions):
        yield f"{counted(open_count, 'stage')} had not ended."
    unmeasured = sum(e.command_s is not None and e.usage is None for e in executions)
    if unmeasured and units.keys() & {"cpu_hour", "gb_hour"}:
        yield f"CPU time and memory of {counted(unmeasured, 'stage')} were not measured."
    if repeated := sum(stage.attempts > 1 for stage in trace.stages):
        yield f"Only the last attempt counts; {counted(repeated, 'stage')} had several."
    if trace.engine not in _WITHOUT_REQUESTS:
        yield "The time of a pod or job before its worker starts is not counted."
