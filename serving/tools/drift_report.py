"""The drift of every column as one HTML file, without scripts and without other files."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from serving.monitoring.psi import COLUMNS, Bins, Counts

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
.reference { fill: #8a94a0; } .current { fill: #2f6fb0; }
"""
_WIDTH, _HEIGHT = 180, 32


def render_html(
    title: str,
    bins: Bins,
    counts: Counts,
    columns: Sequence[tuple[str, float, float, float]],
    threshold: float,
) -> str:
    """Return the report.

    Parameters
    ----------
    title : str
        The two tables.
    counts : int64 array
        The counts that `bins` returned for the current table.
    columns : sequence of (column, index, share missing, share unseen)
        In the order of the report.
    """
    lines = []
    for column, psi, missing, unseen in columns:
        row = COLUMNS.index(column)
        bars = _bars(*(c[row, :10][bins.used[row]].tolist() for c in (bins.reference, counts)))
        mark = ' class="above"' if psi > threshold else ""
        lines.append(
            f"<tr{mark}><td>{escape(column)}</td><td>{psi:.4f}</td><td>{missing:.2%}</td>"
            f"<td>{unseen:.2%}</td><td>{bars}</td></tr>"
        )
    header = "".join(
        f"<th>{h}</th>" for h in ("column", "PSI", "missing", "unseen", "shares by bin")
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Drift</title>'
        f"<style>{_STYLE}</style><h1>Drift</h1><p>{escape(title)}.</p>"
        f"<p>Population stability index of each column; values above {threshold:g} are marked."
        f" Grey: the reference; blue: the current table.</p>"
        f'<div class="wide"><table><thead><tr>{header}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div></html>\n"
    )


def _bars(reference: list[int], current: list[int]) -> str:
    shares = [[n / max(sum(counts), 1) for n in counts] for counts in (reference, current)]
    largest_codes = max(*shares[0], *shares[1], 1e-9)
    slot = _WIDTH / len(reference)
    rectangles = []
    for css_class, values in zip(("reference", "current"), shares, strict=True):
        for i, share in enumerate(values):
            height = _HEIGHT * share / largest_codes
            x = i * slot + (slot * 0.45 if css_class == "current" else 0)
            rectangles.append(
                f'<rect class="{css_class}" x="{x:.1f}" y="{_HEIGHT - height:.1f}"'
                f' width="{slot * 0.4:.1f}" height="{height:.1f}"/>'
            )
    label = "shares by bin, reference and current table"
    return (
        f'<svg role="img" aria-label="{label}" width="{_WIDTH}" height="{_HEIGHT}">'
        f"{''.join(rectangles)}</svg>"
    )
