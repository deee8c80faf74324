"""The drift of every column as one HTML file: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from serving.monitoring.psi import COLUMNS, Counts, Grid

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto;
  padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
th:last-child { text-align: center; }
tr.above td:nth-child(2) { color: light-dark(#b3400e, #f0935f); font-weight: 650; }
.before { fill: #8a94a0; } .now { fill: #2f6fb0; }
"""
_WIDTH, _HEIGHT = 180, 32


def html(
    title: str,
    grid: Grid,
    counts: Counts,
    moved: Sequence[tuple[str, float, float, float]],
    threshold: float,
) -> str:
    """Give the report.

    Parameters
    ----------
    title : str
        What is compared.
    counts : int64 array
        What `grid` counted.
    moved : sequence of (column, index, share missing, share unseen)
        In the order to show.
    """
    lines = []
    for column, index, missing, unseen in moved:
        at = COLUMNS.index(column)
        bars = _bars(*(c[at, :10][grid.used[at]].tolist() for c in (grid.reference, counts)))
        mark = ' class="above"' if index > threshold else ""
        lines.append(
            f"<tr{mark}><td>{escape(column)}</td><td>{index:.4f}</td><td>{missing:.2%}</td>"
            f"<td>{unseen:.2%}</td><td>{bars}</td></tr>"
        )
    head = "".join(f"<th>{h}</th>" for h in ("column", "PSI", "missing", "unseen", "shares by bin"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Drift</title>'
        f"<style>{_STYLE}</style><h1>Drift</h1><p>{escape(title)}.</p>"
        f"<p>Population stability index of each column; above {threshold:g} it is marked."
        f" Grey: the reference; blue: now.</p>"
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></html>\n"
    )


def _bars(before: list[int], now: list[int]) -> str:
    shares = [[n / max(sum(counts), 1) for n in counts] for counts in (before, now)]
    most = max(*shares[0], *shares[1], 1e-9)
    slot = _WIDTH / len(before)
    drawn = []
    for kind, values in zip(("before", "now"), shares, strict=True):
        for i, share in enumerate(values):
            height = _HEIGHT * share / most
            x = i * slot + (slot * 0.45 if kind == "now" else 0)
            drawn.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{_HEIGHT - height:.1f}"'
                f' width="{slot * 0.4:.1f}" height="{height:.1f}"/>'
            )
    label = "shares by bin, before and now"
    return (
        f'<svg role="img" aria-label="{label}" width="{_WIDTH}" height="{_HEIGHT}">'
        f"{''.join(drawn)}</svg>"
    )
