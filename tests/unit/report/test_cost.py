"""The cost of a run: quantities of its trace times prices."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as Xml

import pytest

from dvc_bridge.pipeline.prices import Prices
from dvc_bridge.pipeline.trace import Execution, RunTrace, StageTrace, Usage
from dvc_bridge.report.cost import RunCost, cost_of, plain_cost
from dvc_bridge.report.markdown import markdown
from dvc_bridge.report.page import page
from dvc_bridge.report.values import RunReport

GB = 10**9
HOUR_S = 3600.0
# Two hours in the task, of which the command takes one and uses 1.5 CPUs and 4 GB.
EXECUTION = Execution(
    0.0,
    2 * HOUR_S,
    HOUR_S / 2,
    1.5 * HOUR_S,
    0,
    Usage(HOUR_S, HOUR_S / 2, 4 * GB),
    pulled_bytes=2 * GB,
    pushed_bytes=GB,
)
STAGE = StageTrace("train", "ran", execution=EXECUTION, attempts=1)
ALL = Prices("EUR", cpu_hour=0.5, gb_hour=0.1, gpu_hour=3.0, gb_moved=0.2, request=0.001)


def _trace(engine: str, *stages: StageTrace) -> RunTrace:
    return RunTrace("run-1", engine, 0.0, ended=2 * HOUR_S, stages=stages)


def _cost(engine: str, *stages: StageTrace) -> RunCost:
    cost = cost_of(_trace(engine, *stages), ALL)
    assert cost
    return cost


def _lines(cost: RunCost) -> dict[tuple[str, str], tuple[float, float]]:
    return {
        (line.unit, line.basis): (round(line.quantity, 9), round(line.amount, 9))
        for line in cost.lines
    }


def test_pods_and_jobs_pay_what_they_request_for_as_long_as_they_hold_it() -> None:
    stage = replace(STAGE, requests={"cpu": "500m", "memory": "8G", "gpu": 1}, task=0)
    for engine in ("argo", "slurm"):
        cost = _cost(engine, stage)
        assert _lines(cost) == {
            ("cpu_hour", "requested"): (1.0, 0.5),
            ("gb_hour", "requested"): (16.0, 1.6),
            ("gpu_hour", "requested"): (2.0, 6.0),
            ("gb_moved", "measured"): (3.0, 0.6),
        }
        assert cost.amount == pytest.approx(8.7)


@pytest.mark.parametrize("engine", ["local", "processes"])
def test_runs_on_this_machine_pay_what_was_measured(engine: str) -> None:
    cost = _cost(engine, replace(STAGE, requests={"cpu": "8", "memory": "64Gi", "gpu": 1}))
    measured = {("cpu_hour", "measured"): (1.5, 0.75), ("gb_hour", "measured"): (4.0, 0.4)}
    moved = {("gb_moved", "measured"): (3.0, 0.6)} if engine == "processes" else {}
    assert _lines(cost) == measured | moved


def test_a_pod_without_requests_pays_what_was_measured() -> None:
    part = replace(STAGE, requests={"memory": "8G"}, task=0)
    lines = _lines(_cost("argo", part))
    assert lines["cpu_hour", "measured"] == (1.5, 0.75)
    assert lines["gb_hour", "requested"] == (16.0, 1.6)


def test_what_is_not_known_is_said_and_counts_as_nothing() -> None:
    unmeasured = replace(STAGE, execution=replace(EXECUTION, usage=None))
    open_end = replace(STAGE, execution=Execution(0.0))
    retried = replace(STAGE, attempts=3)
    said = " ".join(_cost("local", unmeasured, open_end, retried).unknown)
    for part in (
        "Requests to the remote are not counted.",
        "What runs of the engine local move is not recorded.",
        "The use of GPUs is not measured",
        "1 stage had not ended.",
        "CPU time and memory of 1 stage were not measured.",
        "Only the last attempt counts; 1 stage had several.",
    ):
        assert part in said
    assert not _lines(_cost("local", unmeasured, open_end))


def test_without_prices_there_is_no_cost() -> None:
    assert cost_of(_trace("local", STAGE), Prices("EUR")) is None
    assert "Cost" not in page(RunReport("run-1", "p", _trace("local", STAGE)))


def test_the_amounts_of_stages_add_up_to_the_total() -> None:
    stages = [replace(STAGE, address=f"s{n}", attempts=1) for n in range(40)]
    plain = plain_cost(_cost("processes", *stages))
    assert plain["amount"] == pytest.approx(sum(stage["amount"] for stage in plain["stages"]))
    assert plain["amount"] == pytest.approx(sum(line["amount"] for line in plain["lines"]))


def test_page_and_markdown_show_the_arithmetic_and_escape_the_label() -> None:
    prices = replace(ALL, currency="<b>|*")
    stages = [replace(STAGE, address=f"<i>|{n}") for n in range(12)]
    report = RunReport("run-1", "p", _trace("processes", *stages), prices=prices)
    html, text = page(report), markdown(report)
    Xml.fromstring(html.removeprefix("<!DOCTYPE html>"))  # noqa: S314  our own
    times = "\N{MULTIPLICATION SIGN}"
    assert "<b>" not in html
    assert f'<td class="n">18</td><td class="n">{times} 0.5</td><td class="n">= 9</td>' in html
    assert "2 stages that cost less" in html
    assert "| CPU hours, measured | 18 | 0.5 | 9 |" in text
    assert f"1.5 CPU hours, measured {times} 0.5 + 4 GB hours of memory, measured" in text
    assert "### Cost: 21 &lt;b&gt;\\|\\*" in text
