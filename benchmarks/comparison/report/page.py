"""The report as one HTML page without scripts: equal results produce equal bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.comparison.report import figures, table_cells, texts
from benchmarks.comparison.report.analysis import (
    BASELINE,
    OURS,
    Document,
    Entry,
    Row,
    read_rows,
)
from benchmarks.comparison.report.measures import Table, break_down, summarize
from benchmarks.comparison.report.strip import draw_strip
from benchmarks.comparison.report.style import STYLE
from benchmarks.comparison.report.summaries import mean_ratios
from dvc_bridge.report.html import text


def page(document: Document) -> str:
    """Return the page."""
    rows = read_rows(document)
    parts = [
        *_render_head(document),
        *_render_list(texts.LEADS, texts.leads(document, rows)),
        *_render_list("Limitations", texts.limitations(document)),
        *_render_costs(rows),
        *_render_metg(rows),
        *_render_means(document, rows),
        *_render_summaries(document, rows),
        *_render_rows(rows),
        *_render_started(document),
        *_render_published(document),
        *_render_features(document["comparison"]["features"]),
        *_render_list("Method", texts.method(document)),
        *_render_list("Check of the method", texts.method_check(document)),
        *_render_toolchains(document),
    ]
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{text(texts.TITLE)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _render_head(document: Document) -> Iterator[str]:
    yield f"<header><h1>{text(texts.TITLE)}</h1>"
    yield (
        '<p class="about">How much time, CPU and memory do toolchains add to the same tasks, and'
        " what do they repeat after a small change?</p>"
    )
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(note)}</small></dd></div>"
        for name, value, note in table_cells.facts(document)
    )
    yield f'<dl class="facts">{cells}</dl></header>'


def _render_list(title: str, items: Iterator[str]) -> Iterator[str]:
    lines = "".join(f"<li>{text(item)}</li>" for item in items)
    yield f'<section><h2>{text(title)}</h2><ul class="plain">{lines}</ul></section>'


def _render_costs(rows: Sequence[Row]) -> Iterator[str]:
    body = "".join(
        f'<tr{_mark(name)}><th scope="row">{text(title)}</th><td class="n">{text(start)}</td>'
        f'<td class="n">{text(per_task)}</td><td class="n">{text(n_tasks)}</td></tr>'
        for name, title, start, per_task, n_tasks in table_cells.costs(rows)
    )
    if not body:
        return
    yield f"<section><h2>{text(texts.COSTS)}</h2>"
    yield f'<p class="soft">{text(texts.COSTS_ABOUT)}</p>'
    head = (
        '<th>toolchain</th><th class="n">one task</th><th class="n">each further task</th>'
        '<th class="n">up to tasks</th>'
    )
    yield _table(head, body)
    yield "</section>"


def _render_metg(rows: Sequence[Row]) -> Iterator[str]:
    found = [row for row in rows if row.is_metg]
    if not found:
        return
    names = {e.toolchain: e.title for row in found for e in row.entries if e.times}
    head = "<th>toolchain</th>" + "".join(
        f'<th class="n">{text(row.workload.removeprefix("taskbench-"))}</th>' for row in found
    )
    body = "".join(
        f'<tr{_mark(name)}><th scope="row">{text(title)}</th>'
        + "".join(f'<td class="n">{_metg_cell(row.find(name))}</td>' for row in found)
        + "</tr>"
        for name, title in names.items()
    )
    yield "<section><h2>The shortest task that is worth its own stage: METG(50 %)</h2>"
    yield (
        '<p class="soft">With tasks of this length, half of the time is work and half is the'
        " toolchain, its start included. Less is better.</p>"
    )
    yield _table(head, body)
    yield "</section>"


def _metg_cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    if entry.median is None or not entry.is_good:
        return f'<span class="bad">{text(entry.status)}</span>'
    interval = figures.spread(entry.median, len(entry.times))
    return f"{text(figures.seconds(entry.median.value))}<small>{text(interval)}</small>"


def _render_means(document: Document, rows: Sequence[Row]) -> Iterator[str]:
    titles = {name: t["title"] for name, t in document["comparison"]["toolchains"].items()}
    means = sorted(mean_ratios(rows).items(), key=lambda item: (item[1][0], item[0]))
    if not means:
        return
    body = "".join(
        f'<tr{_mark(name)}><th scope="row">{text(titles[name])}</th>'
        f'<td class="n">{text(figures.times(mean))}</td><td class="n">{count}</td>'
        f'<td class="n">{penalties or ""}</td></tr>'
        for name, (mean, count, penalties) in means
    )
    yield "<section><h2>All rows of wall time together</h2>"
    yield (
        '<p class="soft">Geometric mean of the ratios to dvc repro, over the rows that both ran.'
        " Toolchains with different numbers of rows did different work: do not rank them.</p>"
    )
    yield _table(
        '<th>toolchain</th><th class="n">time of dvc repro = 1</th><th class="n">rows</th>'
        '<th class="n">failed or over the limit</th>',
        body,
    )
    yield "</section>"


def _render_rows(rows: Sequence[Row]) -> Iterator[str]:
    yield "<section><h2>Every workload</h2>"
    yield '<ul class="plain">'
    yield from (f"<li>{text(name)}: {text(words)}</li>" for name, words in texts.WORDS.items())
    yield "</ul>"
    for row in rows:
        origin = f' (<a href="{text(row.origin)}">published workload</a>)' if row.origin else ""
        yield f"<h3>{text(row.title)}</h3>"
        yield f'<p class="soft">{text(row.about)}{origin}</p>'
        yield f'<div class="scroll">{draw_strip(row)}</div>'
        yield "<details><summary>figures</summary>"
        yield from _render_entries(row)
        if breakdown := break_down(row):
            yield _render_measures(breakdown)
        yield "</details>"
    yield "</section>"


def _render_entries(row: Row) -> Iterator[str]:
    head = (
        '<th>toolchain</th><th class="n">median</th><th class="n">interval</th>'
        '<th class="n">runs</th><th class="n">ratio</th><th></th><th class="n">CPU</th>'
        '<th class="n">memory</th>'
    )
    yield _table(head, "".join(_render_entry(entry) for entry in row.tried))
    yield from _render_note(figures.not_run_note(row))
    for entry in row.entries:
        if entry.log:
            yield f"<p>{text(entry.title)}, from its output:</p><pre>{text(entry.log)}</pre>"


def _render_note(note: str) -> Iterator[str]:
    if note:
        yield f'<p class="soft">{text(note)}</p>'


def _render_entry(entry: Entry) -> str:
    name = f'<tr{_mark(entry.toolchain)}><th scope="row">{text(entry.title)}</th>'
    if entry.median is None or not entry.is_good:
        return f'{name}<td colspan="7" class="bad">{text(figures.state(entry))}</td></tr>'
    ratio = figures.ratio_text(entry.ratio) if entry.ratio else ""
    words = "the baseline" if entry.toolchain == BASELINE else figures.verdict(entry.ratio)
    cells = [
        figures.seconds(entry.median.value),
        figures.spread(entry.median, len(entry.times)),
        str(len(entry.times)),
        ratio,
    ]
    numbers = "".join(f'<td class="n">{text(cell)}</td>' for cell in cells)
    cpu = figures.seconds(entry.cpu_s or 0)
    return (
        f'{name}{numbers}<td class="words">{text(words)}</td>'
        f'<td class="n">{text(cpu)}</td><td class="n">{entry.peak_mb or 0:.0f} MB</td></tr>'
    )


def _render_summaries(document: Document, rows: Sequence[Row]) -> Iterator[str]:
    for table in summarize(document, rows):
        yield f"<section><h2>{text(table.title)}</h2>"
        yield f'<p class="soft">{text(table.about)}</p>'
        yield _render_measures(table)
        yield from _render_note(table.note)
        yield "</section>"


def _render_measures(table: Table) -> str:
    head = "".join(f'<th class="n">{text(column)}</th>' for column in table.columns)
    body = "".join(
        f'<tr{_mark(name)}><th scope="row">{text(title)}</th>'
        + "".join(f'<td class="n">{text(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, title, *cells in table.lines
    )
    return _table(f"<th>toolchain</th>{head}", body)


def _render_started(document: Document) -> Iterator[str]:
    body = "".join(
        f'<tr><th scope="row">{text(title)}</th><td>{text(workload)}</td>'
        f'<td class="n">{text(number)}</td></tr>'
        for workload, title, number in table_cells.started(document)
    )
    if body:
        yield f"<section><h2>{text(texts.STARTED)}</h2>"
        head = '<th>toolchain</th><th>workload</th><th class="n">pods or jobs</th>'
        yield _table(head, body)
        yield "</section>"


def _render_published(document: Document) -> Iterator[str]:
    body = "".join(
        f'<tr><th scope="row">{text(engine)}</th><td>{text(workload)}</td>'
        f'<td class="n">{text(time)}</td><td><a href="{text(source)}">source</a></td></tr>'
        for workload, engine, time, source in table_cells.published(document)
    )
    machines = {item["machine"] for item in document["comparison"]["published"]}
    yield "<section><h2>Published, other machine</h2>"
    yield (
        '<p class="soft">Not measured here, and not comparable with the rows above except in order'
        f" of magnitude: {text('; '.join(sorted(machines)))}.</p>"
    )
    yield _table('<th>engine</th><th>workload</th><th class="n">time</th><th></th>', body)
    yield "</section>"


def _render_features(features: Any) -> Iterator[str]:
    head = "<th>feature</th>" + "".join(
        f"<th>{text(c)}</th>" for c in table_cells.columns_of(features)
    )
    body = "".join(
        f'<tr><th scope="row">{text(row["feature"])}</th>'
        + "".join(f"<td>{_feature_cell(cell)}</td>" for cell in row["cells"])
        + "</tr>"
        for row in features["rows"]
    )
    yield "<section><h2>Features, with the evidence for each cell</h2>"
    yield _table(head, body)
    yield "</section>"


def _feature_cell(cell: Any) -> str:
    evidence, link = cell["evidence"], cell["link"]
    if evidence == "not checked":
        return '<span class="soft">not checked</span>'
    is_page = link.startswith("https://")
    shown = f'<a href="{text(link)}">{evidence}</a>' if is_page else f"{evidence}: {text(link)}"
    return f"{text(cell['value'])}<small>{shown}</small>"


def _render_toolchains(document: Document) -> Iterator[str]:
    session = document["comparison"]
    body = "".join(
        f'<tr><th scope="row">{text(t["title"])}</th>'
        f"<td>{text(version)}<small>{text(t['released'])}</small></td>"
        f"<td><code>{text(revision)}</code></td>"
        f"<td>{text(t['unit'])}</td><td>{text(t['skips'])}</td><td>{text(t['about'])}</td>"
        f"<td>{text(table_cells.extent(document, name))}</td>"
        f"<td><code>benchmarks/toolchains/{text(name)}</code></td></tr>"
        for name, t in session["toolchains"].items()
        for version, revision in (table_cells.describe_code(document, name),)
    )
    yield "<section><h2>Toolchains</h2>"
    yield f"<p>{text(texts.CORRECTIONS)}</p>"
    yield _table(
        "<th>toolchain</th><th>version</th><th>revision</th><th>unit</th>"
        "<th>skips unchanged work</th><th></th><th>measured</th><th>folder</th>",
        body,
    )
    yield "</section>"


def _mark(name: str) -> str:
    return ' class="ours"' if name in {OURS, BASELINE} else ""


def _table(head: str, body: str) -> str:
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )
