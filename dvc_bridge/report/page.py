"""The report of a run: one self-contained HTML page for a browser, a phone and print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dvc_bridge.pipeline.lock_entry import Pointer
from dvc_bridge.pipeline.outcome import Outcome
from dvc_bridge.report.charts import chart
from dvc_bridge.report.html import text
from dvc_bridge.report.metrics import gone, metrics_html
from dvc_bridge.report.style import STYLE
from dvc_bridge.report.values import RunReport

# Outcomes in words for readers who do not know DVC.
_OUTCOMES = {
    Outcome.RAN: "ran",
    Outcome.RESTORED: "reused from the run cache",
    Outcome.UNCHANGED: "unchanged since dvc.lock",
    Outcome.FAILED: "failed",
}
_TOTAL = "sum of all commands"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def page(report: RunReport) -> str:
    """Return the page; equal reports produce equal bytes."""
    parts = [
        *_render_head(report),
        *_render_metrics(report),
        *_render_plots(report),
        *_render_stages(report),
        *_render_outs(report),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{text(report.pathspec)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{_NEW_LINE.join(parts)}\n</main></body></html>\n"
    )


_NEW_LINE = "\n"


def duration(seconds: float) -> str:
    """Return a duration in readable units."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest_seconds = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest_seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: Any) -> str:
    """Return a number of bytes in readable units; empty if it is not an integer."""
    if not isinstance(count, int):
        return ""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} bytes"


def _render_head(report: RunReport) -> Iterator[str]:
    ran = [result for result in report.ends if result.outcome is Outcome.RAN]
    failed = sum(not result.good for result in report.ends)
    reused = len(report.ends) - len(ran) - failed
    seconds = sum(result.seconds or 0 for result in ran)
    yield f"<header><h1>{text(report.flow)}</h1>"
    if report.about:
        yield f'<p class="about">{text(report.about)}</p>'
    revision = text(report.revision[:12]) if report.revision else "no git"
    changes = "with uncommitted changes" if report.dirty else ""
    facts = [
        ("run", text(report.pathspec).replace("/", "/<wbr/>"), ""),
        ("started", text(report.began), ""),
        ("git revision", f"<code>{revision}</code>", changes),
        (
            "stages",
            f"{len(ran)} ran",
            f"{reused} reused" + (f", {failed} failed" * bool(failed)),
        ),
        ("command time", duration(seconds) if ran else "no command ran", _TOTAL if ran else ""),
    ]
    yield (
        '<dl class="facts">'
        + "".join(
            f"<div><dt>{name}</dt><dd>{value}{f'<small>{note}</small>' if note else ''}</dd></div>"
            for name, value, note in facts
        )
        + "</dl>"
    )
    yield from (f'<p class="note">{text(note)}</p>' for note in report.notes)
    yield "</header>"


def _render_metrics(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Metrics</h2>"
    if not report.metrics:
        yield '<p class="soft">No stage of this run has metrics.</p>'
    elif report.before:
        yield (
            f'<p class="soft">A signed number is the difference from {text(report.before)}; values'
            " without one are equal.</p>"
        )
    else:
        yield '<p class="soft">This flow has no earlier successful run to compare with.</p>'
    for path, values in report.metrics.items():
        if len(report.metrics) > 1:
            yield f"<h3>{text(path)}</h3>"
        if values is None:
            yield f'<p class="soft">{text(path)} cannot be read here.</p>'
            continue
        previous = report.before_metrics.get(path)
        yield from metrics_html(values, previous, compared=previous is not None)
        if previous is not None and (removed := gone(values, previous)):
            yield f'<p class="soft">Only in the earlier run: {text(", ".join(removed))}.</p>'
    yield "</section>"


def _render_plots(report: RunReport) -> Iterator[str]:
    if not report.plots:
        return
    figures, missing_titles = [], []
    colours: dict[str, int] = {}
    for table in report.plots:
        figure = chart(table.spec, table.rows, colours) if table.rows is not None else None
        if figure is None:
            missing_titles.append(table.spec["title"])
        else:
            figures.append(figure)
    yield '<section><h2>Plots</h2><div class="plots">'
    yield from figures
    yield "</div>"
    if missing_titles:
        titles = text(", ".join(missing_titles))
        yield f'<p class="soft">Plots that could not be drawn: {titles}.</p>'
    yield "</section>"


def _render_stages(report: RunReport) -> Iterator[str]:
    longest = max((result.seconds or 0 for result in report.ends), default=0) or 1
    rows = "".join(
        f'<tr><th scope="row">{text(result.address)}</th><td>{_OUTCOMES[result.outcome]}</td>'
        f'<td class="n">{duration(result.seconds) if result.seconds is not None else ""}</td>'
        f'<td class="time">{_render_bar(result.seconds, longest)}</td></tr>'
        for result in report.ends
    )
    yield "<section><h2>Stages</h2>"
    yield (
        '<div class="scroll"><table><thead><tr><th>stage</th><th>outcome</th>'
        f'<th class="n">command</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>'
        "</section>"
    )


def _render_bar(seconds: float | None, longest: float) -> str:
    if seconds is None:
        return ""
    return f'<span class="bar" style="width:{100 * seconds / longest:.1f}%"></span>'


def _render_outs(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Files</h2>"
    yield (
        '<p class="soft">The files that the run read from DVC and the files that it wrote, each'
        " with the md5 of its content; for a folder, the md5 of its list of files.</p>"
    )
    rows = "".join(_render_out(path, pointer) for path, pointer in sorted(report.outs.items()))
    yield (
        '<div class="scroll"><table><thead><tr><th>file or folder</th><th>md5</th>'
        f'<th class="n">files</th><th class="n">size</th></tr></thead><tbody>{rows}</tbody></table>'
        "</div></section>"
    )


def _render_out(path: str, pointer: Pointer) -> str:
    return (
        f'<tr><th scope="row">{text(path)}</th>'
        f'<td class="md5"><code>{text(pointer.get("md5", ""))}</code></td>'
        f'<td class="n">{text(pointer.get("nfiles", ""))}</td>'
        f'<td class="n">{size(pointer.get("size"))}</td></tr>'
    )
