"""The report as Markdown, for a pull request or a terminal; docs/comparison.md includes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.comparison.report import figures, table_cells, texts
from benchmarks.comparison.report.analysis import BASELINE, Document, Entry, Row, read_rows
from benchmarks.comparison.report.measures import Table, break_down, summarize


def markdown(document: Document) -> str:
    """Return the report; equal results produce equal bytes."""
    rows = read_rows(document)
    parts = [
        f"# {texts.TITLE}",
        _bullets(
            f"{name}: {value} {note}".strip() for name, value, note in table_cells.facts(document)
        ),
        f"## {texts.LEADS}",
        _bullets(texts.leads(document, rows)),
        "## Limitations",
        _bullets(texts.limitations(document)),
        f"## {texts.COSTS}",
        texts.COSTS_ABOUT,
        _table(
            ("toolchain", "one task", "each further task", "up to tasks"),
            [(_escape(title), *rest) for _, title, *rest in table_cells.costs(rows)],
        ),
        *_summaries(document, rows),
        "## Results",
        *_rows(rows),
        *_started(document),
        "## Published, other machine",
        _table(
            ("workload", "engine", "time", "source"),
            [
                (workload, engine, time, f"[source]({source})")
                for workload, engine, time, source in table_cells.published(document)
            ],
        ),
        "## Method",
        _bullets(texts.method(document)),
        "## Check of the method",
        _bullets(texts.method_check(document)),
        texts.CORRECTIONS,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _started(document: Document) -> Iterator[str]:
    lines = [tuple(map(_escape, line)) for line in table_cells.started(document)]
    if lines:
        yield f"## {texts.STARTED}"
        yield _table(("workload", "toolchain", "pods or jobs"), lines)


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        origin = f" ([published workload]({row.origin}))" if row.origin else ""
        yield f"### {_escape(row.title)}\n\n{_escape(row.about)}{origin}"
        lines = [_line(entry) for entry in row.tried]
        yield _table(("toolchain", "median", "interval", "runs", "ratio", "", "CPU"), lines)
        yield _escape(figures.not_run_note(row))
        if table := break_down(row):
            yield _measures(table)


def _summaries(document: Document, rows: Sequence[Row]) -> Iterator[str]:
    for table in summarize(document, rows):
        yield f"## {table.title}"
        yield table.about
        yield _measures(table)
        yield _escape(table.note)


def _measures(table: Table) -> str:
    lines = [tuple(map(_escape, line[1:])) for line in table.lines]
    return _table(("toolchain", *table.columns), lines)


def _line(entry: Entry) -> tuple[str, ...]:
    if entry.median is None or not entry.is_good:
        return (_escape(entry.title), _escape(figures.state(entry)), "", "", "", "", "")
    return (
        _escape(entry.title),
        figures.seconds(entry.median.value),
        figures.spread(entry.median, len(entry.times)),
        str(len(entry.times)),
        figures.ratio_text(entry.ratio) if entry.ratio else "",
        "the baseline" if entry.toolchain == BASELINE else figures.verdict(entry.ratio),
        figures.seconds(entry.cpu_s or 0),
    )


def _bullets(items: Iterator[str]) -> str:
    return "\n".join(f"- {_escape(item)}" for item in items)


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escape(value: str) -> str:
    """Return text in which Markdown and HTML have no meaning, on one line."""
    for character in "\\`*_[]|":
        value = value.replace(character, f"\\{character}")
    value = value.replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(value.split())
