"""The page of a run: one HTML file that needs nothing else, for a browser, a phone and paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dvc_bridge.pipeline.result import FAILED, RAN, RESTORED, UNCHANGED
from dvc_bridge.report.charts import chart
from dvc_bridge.report.html import text
from dvc_bridge.report.metrics import gone, metrics_html
from dvc_bridge.report.style import STYLE
from dvc_bridge.report.values import RunReport

# How the words of dvc.lock's end read to those who have never seen DVC.
_ENDS = {
    RAN: "ran",
    RESTORED: "known: from the run cache",
    UNCHANGED: "known: as in dvc.lock",
    FAILED: "failed",
}
_SUM = "all of them together"
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def page(report: RunReport) -> str:
    """Return the page; equal reports give equal bytes."""
    parts = [*_head(report), *_metrics(report), *_plots(report), *_stages(report), *_outs(report)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{text(report.pathspec)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{_NEW_LINE.join(parts)}\n</main></body></html>\n"
    )


_NEW_LINE = "\n"


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(count: Any) -> str:
    """Return a number of bytes as people say it; empty: it is none."""
    if not isinstance(count, int):
        return ""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{count} bytes"


def _head(report: RunReport) -> Iterator[str]:
    ran = [end for end in report.ends if end.outcome == RAN]
    failed = sum(not end.good for end in report.ends)
    known = len(report.ends) - len(ran) - failed
    seconds = sum(end.seconds or 0 for end in ran)
    yield f"<header><h1>{text(report.flow)}</h1>"
    if report.about:
        yield f'<p class="about">{text(report.about)}</p>'
    revision = text(report.revision[:12]) if report.revision else "no git"
    changes = "with changes that were not committed" if report.dirty else ""
    facts = [
        ("run", text(report.pathspec).replace("/", "/<wbr/>"), ""),
        ("began", text(report.began), ""),
        ("git revision", f"<code>{revision}</code>", changes),
        (
            "stages",
            f"{len(ran)} ran",
            f"{known} were known" + (f", {failed} failed" * bool(failed)),
        ),
        ("commands took", duration(seconds) if ran else "nothing ran", _SUM if ran else ""),
    ]
    yield (
        '<dl class="facts">'
        + "".join(
            f"<div><dt>{name}</dt><dd>{value}{f'<small>{more}</small>' if more else ''}</dd></div>"
            for name, value, more in facts
        )
        + "</dl>"
    )
    yield from (f'<p class="note">{text(note)}</p>' for note in report.notes)
    yield "</header>"


def _metrics(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Metrics</h2>"
    if not report.metrics:
        yield '<p class="soft">No stage of this run has metrics.</p>'
    elif report.before:
        yield (
            f'<p class="soft">Signed: the difference to {text(report.before)}; where there is none,'
            " the value is the same.</p>"
        )
    else:
        yield '<p class="soft">No run of this flow ended well before: nothing to compare with.</p>'
    for path, values in report.metrics.items():
        if len(report.metrics) > 1:
            yield f"<h3>{text(path)}</h3>"
        if values is None:
            yield f'<p class="soft">{text(path)} cannot be read here.</p>'
            continue
        before = report.before_metrics.get(path)
        yield from metrics_html(values, before, compared=before is not None)
        if before is not None and (lost := gone(values, before)):
            yield f'<p class="soft">No longer there: {text(", ".join(lost))}.</p>'
    yield "</section>"


def _plots(report: RunReport) -> Iterator[str]:
    if not report.plots:
        return
    drawn, lost = [], []
    colours: dict[str, int] = {}
    for table in report.plots:
        figure = chart(table.spec, table.rows, colours) if table.rows is not None else None
        if figure is None:
            lost.append(table.spec["title"])
        else:
            drawn.append(figure)
    yield '<section><h2>Plots</h2><div class="plots">'
    yield from drawn
    yield "</div>"
    if lost:
        yield f'<p class="soft">Not drawn here: {text(", ".join(lost))}.</p>'
    yield "</section>"


def _stages(report: RunReport) -> Iterator[str]:
    longest = max((end.seconds or 0 for end in report.ends), default=0) or 1
    rows = "".join(
        f'<tr><th scope="row">{text(end.address)}</th><td>{_ENDS[end.outcome]}</td>'
        f'<td class="n">{duration(end.seconds) if end.seconds is not None else ""}</td>'
        f'<td class="time">{_bar(end.seconds, longest)}</td></tr>'
        for end in report.ends
    )
    yield "<section><h2>Stages</h2>"
    yield (
        '<div class="scroll"><table><thead><tr><th>stage</th><th>what became of it</th>'
        f'<th class="n">command</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>'
        "</section>"
    )


def _bar(seconds: float | None, longest: float) -> str:
    if seconds is None:
        return ""
    return f'<span class="bar" style="width:{100 * seconds / longest:.1f}%"></span>'


def _outs(report: RunReport) -> Iterator[str]:
    yield "<section><h2>Files</h2>"
    yield (
        '<p class="soft">What the run used from DVC and what it made, each by the md5 of its bytes;'
        " of a folder, by that of the list of its files.</p>"
    )
    rows = "".join(_out(path, pointer) for path, pointer in sorted(report.outs.items()))
    yield (
        '<div class="scroll"><table><thead><tr><th>file or folder</th><th>md5</th>'
        f'<th class="n">files</th><th class="n">size</th></tr></thead><tbody>{rows}</tbody></table>'
        "</div></section>"
    )


def _out(path: str, pointer: Mapping[str, Any]) -> str:
    return (
        f'<tr><th scope="row">{text(path)}</th>'
        f'<td class="md5"><code>{text(pointer.get("md5", ""))}</code></td>'
        f'<td class="n">{text(pointer.get("nfiles", ""))}</td>'
        f'<td class="n">{size(pointer.get("size"))}</td></tr>'
    )
