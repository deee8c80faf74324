"""The plots of a run on its page, as many as a browser shows at once."""

from __future__ import annotations

from collections.abc import Iterator

from dvc_bridge.report.charts import chart
from dvc_bridge.report.html import text
from dvc_bridge.report.values import RunReport

# The most that plots take of a page; a few are always drawn.
MOST_LETTERS, FEW, MOST_TITLES = 150_000, 12, 50


def plots_section(report: RunReport) -> Iterator[str]:
    """Yield the section of the plots, if there are any."""
    if not report.plots:
        return
    figures: list[str] = []
    missing: list[str] = []
    more: list[str] = []
    colours: dict[str, int] = {}
    letters = 0
    for table in report.plots:
        if letters > MOST_LETTERS and len(figures) >= FEW:
            more.append(table.spec["title"])
            continue
        figure = chart(table.spec, table.rows, colours) if table.rows is not None else None
        if figure is None:
            missing.append(table.spec["title"])
        else:
            figures.append(figure)
            letters += len(figure)
    yield '<section><h2>Plots</h2><div class="plots">'
    yield from figures
    yield "</div>"
    if missing:
        yield f'<p class="soft">Plots that could not be drawn: {_titles(missing)}.</p>'
    if more:
        yield f'<p class="soft">{len(more):,} more plots: {_titles(more)}.</p>'
    yield "</section>"


def _titles(titles: list[str]) -> str:
    others = f" and {len(titles) - MOST_TITLES:,} more" if len(titles) > MOST_TITLES else ""
    return f"{text(', '.join(titles[:MOST_TITLES]))}{others}"
