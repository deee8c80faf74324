"""Metrics as tables of HTML: intervals beside their values, differences to the run before."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dvc_bridge.report.html import text
from dvc_bridge.report.values import flat

LOW, HIGH = "_low", "_high"
MOST_COLUMNS, FEW_ROWS = 9, 2
MOST_DIGITS = 10**15
SAME = "±0"


@dataclass(frozen=True)
class _Cell:
    value: Any
    low: Any = None
    high: Any = None
    before: Any = None
    compared: bool = False


def metrics_html(metrics: Any, before: Any, *, compared: bool) -> Iterator[str]:
    """Return the tables of one metrics file.

    Metrics of the same names under different parents become one table, a parent a row; `auc_low`
    and `auc_high` are shown as the interval of `auc`.

    Parameters
    ----------
    before
        The same file of the run before.
    compared
        Whether there is one.
    """
    cells = _cells(flat(metrics), flat(before) if compared else {}, compared)
    parents: dict[str, dict[str, _Cell]] = {}
    for name, cell in cells.items():
        parent, _, leaf = name.rpartition(".")
        parents.setdefault(parent, {})[leaf] = cell
    alike: dict[frozenset[str], list[str]] = {}
    for parent, leaves in parents.items():
        alike.setdefault(frozenset(leaves), []).append(parent)
    tables = [rows for names, rows in alike.items() if _is_matrix(names, rows)]
    inside = {parent for rows in tables for parent in rows}
    single = {n: cell for n, cell in cells.items() if n.rpartition(".")[0] not in inside}
    if single:
        yield _list(single, compared)
    for rows in tables:
        yield _matrix({parent: parents[parent] for parent in rows})


def _is_matrix(names: Collection[str], parents: Collection[str]) -> bool:
    return len(parents) >= FEW_ROWS and len(names) <= MOST_COLUMNS


def number(value: Any) -> str:
    """Return a value as HTML: counts with commas, fractions with four decimals, text unchanged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    if isinstance(value, int) and abs(value) < MOST_DIGITS:
        return _signed(f"{value:,}")
    if not _is_finite(value):
        return _signed("∞" if value > 0 else "-∞" if value < 0 else "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e3:
        return _signed(f"{value:.4f}")
    return _signed(f"{value:,.1f}" if 1e3 <= abs(value) < 1e9 else f"{value:.3g}")


def difference(value: Any, before: Any) -> str:
    """Return how a value has changed, a number with its sign."""
    both = (value, before)
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in both):
        return "" if value == before else f"was {number(before)}"
    if not all(map(_is_finite, both)):
        return SAME if repr(value) == repr(before) else f"was {number(before)}"
    change = value - before
    if change == 0:
        return SAME
    shown = number(abs(change))
    if not shown.strip("0."):
        shown = f"{abs(change):.0e}"
    return _signed("-" if change < 0 else "+") + shown


def _signed(shown: str) -> str:
    return shown.replace("-", "\N{MINUS SIGN}", 1) if shown.startswith("-") else shown


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _cells(now: Mapping[str, Any], then: Mapping[str, Any], compared: bool) -> dict[str, _Cell]:
    found: dict[str, _Cell] = {}
    ends: set[str] = set()
    for name, value in now.items():
        low, high = now.get(name + LOW), now.get(name + HIGH)
        if low is None or high is None:
            low = high = None
        else:
            ends |= {name + LOW, name + HIGH}
        found[name] = _Cell(value, low, high, then.get(name), compared and name in then)
    return {name: cell for name, cell in found.items() if name not in ends}


def _matrix(rows: Mapping[str, Mapping[str, _Cell]]) -> str:
    columns = list(next(iter(rows.values())))
    head = "".join(f'<th class="n" scope="col">{text(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{text(parent)}</th>'
        + "".join(f'<td class="n">{_shown(cells[name])}</td>' for name in columns)
        + "</tr>"
        for parent, cells in rows.items()
    )
    return _table(f"<th></th>{head}", body)


def _shown(cell: _Cell) -> str:
    interval = f"<small>{_interval(cell)}</small>" if cell.low is not None else ""
    change = difference(cell.value, cell.before) if cell.compared else ""
    change = "" if change == SAME else change  # most are, in a run that changed little
    return f"{number(cell.value)}{interval}" + (f"<small>{change}</small>" if change else "")


def _interval(cell: _Cell) -> str:
    return f"{number(cell.low)} to {number(cell.high)}"


def _list(cells: Mapping[str, _Cell], compared: bool) -> str:
    intervals = any(cell.low is not None for cell in cells.values())
    head = ["<th>metric</th>", '<th class="n">value</th>']
    head += ['<th class="n">interval</th>'] * intervals
    head += ['<th class="n">before</th><th class="n">difference</th>'] * compared
    body = []
    for name, cell in cells.items():
        columns = [number(cell.value)]
        columns += [_interval(cell) if cell.low is not None else ""] * intervals
        if compared:
            columns += (
                [number(cell.before), difference(cell.value, cell.before)]
                if cell.compared
                else ["new", ""]
            )
        values = "".join(f'<td class="n">{shown}</td>' for shown in columns)
        body.append(f'<tr><th scope="row">{text(name)}</th>{values}</tr>')
    return _table("".join(head), "".join(body), "list")


def _table(head: str, body: str, kind: str = "matrix") -> str:
    whole = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll"><table class="{kind}">{whole}</table></div>'


def gone(metrics: Any, before: Any) -> Sequence[str]:
    """Name the metrics that only the run before had."""
    now, then = flat(metrics), flat(before)
    return [name for name in then if name not in now]
