"""Render metrics as HTML tables, with intervals and differences from the previous run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.report.format import SAME, difference, number
from dvc_bridge.report.html import short_text, text
from dvc_bridge.report.values import metric_values

LOW, HIGH = "_low", "_high"
MOST_COLUMNS, FEW_ROWS = 9, 2


@dataclass(frozen=True)
class _Cell:
    value: Any
    low: Any = None
    high: Any = None
    before: Any = None
    compared: bool = False


def metrics_html(metrics: Any, previous: Any, *, compared: bool) -> Iterator[str]:
    """Yield the tables of one metrics file.

    Metrics with the same names under different parents become one table with a row for each parent;
    `auc_low` and `auc_high` become the interval of `auc`.

    Parameters
    ----------
    previous
        The same file from the previous run.
    compared
        Whether there is such a file.
    """
    cells = _cells(metric_values(metrics), metric_values(previous) if compared else {}, compared)
    parents: dict[str, dict[str, _Cell]] = {}
    for name, cell in cells.items():
        parent, _, leaf = name.rpartition(".")
        parents.setdefault(parent, {})[leaf] = cell
    parents_by_names: dict[frozenset[str], list[str]] = {}
    for parent, leaves in parents.items():
        parents_by_names.setdefault(frozenset(leaves), []).append(parent)
    tables = [rows for names, rows in parents_by_names.items() if _is_matrix(names, rows)]
    table_parents = {parent for rows in tables for parent in rows}
    single_cells = {
        n: cell for n, cell in cells.items() if n.rpartition(".")[0] not in table_parents
    }
    if single_cells:
        yield _render_list(single_cells, compared)
    for rows in tables:
        yield _render_matrix({parent: parents[parent] for parent in rows})


def _is_matrix(names: Collection[str], parents: Collection[str]) -> bool:
    return len(parents) >= FEW_ROWS and len(names) <= MOST_COLUMNS


def _number_html(value: Any) -> str:
    return short_text(number(value))


def _difference_html(cell: _Cell) -> str:
    return short_text(difference(cell.value, cell.before))


def _cells(
    metrics: Mapping[str, Any], previous: Mapping[str, Any], compared: bool
) -> dict[str, _Cell]:
    cells: dict[str, _Cell] = {}
    interval_names: set[str] = set()
    for name, value in metrics.items():
        low, high = metrics.get(name + LOW), metrics.get(name + HIGH)
        if low is None or high is None:
            low = high = None
        else:
            interval_names |= {name + LOW, name + HIGH}
        cells[name] = _Cell(value, low, high, previous.get(name), compared and name in previous)
    return {name: cell for name, cell in cells.items() if name not in interval_names}


def _render_matrix(rows: Mapping[str, Mapping[str, _Cell]]) -> str:
    columns = list(next(iter(rows.values())))
    head = "".join(f'<th class="n" scope="col">{text(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{text(parent)}</th>'
        + "".join(f'<td class="n">{_format_cell(cells[name])}</td>' for name in columns)
        + "</tr>"
        for parent, cells in rows.items()
    )
    return _render_table(f"<th></th>{head}", body)


def _format_cell(cell: _Cell) -> str:
    interval = f"<small>{_format_interval(cell)}</small>" if cell.low is not None else ""
    change = _difference_html(cell) if cell.compared else ""
    change = "" if change == SAME else change  # most values are equal in a run that changed little
    return f"{_number_html(cell.value)}{interval}" + (f"<small>{change}</small>" if change else "")


def _format_interval(cell: _Cell) -> str:
    return f"{_number_html(cell.low)} to {_number_html(cell.high)}"


def _render_list(cells: Mapping[str, _Cell], compared: bool) -> str:
    intervals = any(cell.low is not None for cell in cells.values())
    head = ["<th>metric</th>", '<th class="n">value</th>']
    head += ['<th class="n">interval</th>'] * intervals
    head += ['<th class="n">before</th><th class="n">difference</th>'] * compared
    body = []
    for name, cell in cells.items():
        columns = [_number_html(cell.value)]
        columns += [_format_interval(cell) if cell.low is not None else ""] * intervals
        if compared:
            columns += (
                [_number_html(cell.before), _difference_html(cell)]
                if cell.compared
                else ["new", ""]
            )
        values = "".join(f'<td class="n">{column}</td>' for column in columns)
        body.append(f'<tr><th scope="row">{text(name)}</th>{values}</tr>')
    return _render_table("".join(head), "".join(body), "list")


def _render_table(head: str, body: str, kind: str = "matrix") -> str:
    content = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{kind}">{content}</table></div>'


def gone(metrics: Any, previous: Any) -> Sequence[str]:
    """Return the metrics that only the previous run had."""
    metrics_by_name, previous_by_name = metric_values(metrics), metric_values(previous)
    return [name for name in previous_by_name if name not in metrics_by_name]
