"""The cost of a run as tables: the sums with their arithmetic, then the stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvc_bridge.pipeline.prices import UNITS
from dvc_bridge.report.cost import CostLine, RunCost, StageCost
from dvc_bridge.report.format import TIMES, figure, shortened
from dvc_bridge.report.html import name_html, text
from dvc_bridge.report.stage_table import MOST_NAMES, folded

MOST_ROWS = 10


def unit_text(line: CostLine) -> str:
    """Return what a line counts, such as `CPU hours, requested`."""
    return f"{UNITS[line.unit]}, {line.basis}"


def cost_html(cost: RunCost | None) -> Iterator[str]:
    """Yield the section of the cost, if there is one."""
    if cost is None:
        return
    yield "<section><h2>Cost</h2>"
    yield (
        '<p class="soft">Quantities times the prices in dvc-bridge.yaml. Pods and jobs count by'
        " what they request and for as long as they hold it; everything else by what was"
        " measured.</p>"
    )
    currency = text(cost.currency)
    rows = "".join(
        f'<tr><th scope="row">{unit_text(line)}</th><td class="n">{figure(line.quantity)}</td>'
        f'<td class="n">{TIMES} {figure(line.price)}</td>'
        f'<td class="n">= {figure(line.amount)}</td></tr>'
        for line in cost.lines
    )
    yield (
        '<div class="scroll"><table class="list"><thead><tr><th>what</th>'
        '<th class="n">quantity</th>'
        f'<th class="n">price</th><th class="n">amount</th></tr></thead><tbody>{rows}'
        f'<tr><th scope="row">total</th><td></td><td></td><td class="n"><strong>'
        f"{figure(cost.amount)} {currency}</strong></td></tr></tbody></table></div>"
    )
    if cost.unknown:
        items = "".join(f"<li>{text(sentence)}</li>" for sentence in cost.unknown)
        yield f"<p>Not in these figures:</p><ul>{items}</ul>"
    yield from _stages(cost)
    yield "</section>"


def _stages(cost: RunCost) -> Iterator[str]:
    if not cost.stages:
        return
    units = list(dict.fromkeys(line.unit for line in cost.lines))
    heads = "".join(f'<th class="n">{UNITS[unit]}</th>' for unit in units)
    rows = "".join(_row(stage, units) for stage in cost.stages[:MOST_ROWS])
    yield (
        '<div class="scroll"><table><thead><tr><th>stage</th>'
        f'{heads}<th class="n">amount</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
    others = [
        f"{name_html(shortened(stage.address, 80))} {figure(stage.amount)}"
        for stage in cost.stages[MOST_ROWS : MOST_ROWS + MOST_NAMES]
    ]
    yield from folded("{} stages that cost less", others, len(cost.stages) - MOST_ROWS)


def _row(stage: StageCost, units: Sequence[str]) -> str:
    lines = {line.unit: line for line in stage.lines}
    cells = "".join(_cell(lines.get(unit)) for unit in units)
    amount = figure(stage.amount)
    return f'<tr><th>{name_html(stage.address)}</th>{cells}<td class="n">{amount}</td></tr>'


def _cell(line: CostLine | None) -> str:
    if line is None:
        return '<td class="n"></td>'
    return (
        f'<td class="n">{figure(line.amount)}<small>{figure(line.quantity)} {line.basis}'
        f" {TIMES} {figure(line.price)}</small></td>"
    )
