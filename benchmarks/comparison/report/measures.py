"""Tables of what was measured besides wall time, the same in HTML and Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.comparison.report import figures
from benchmarks.comparison.report.analysis import FLOOR, Document, Entry, Row
from benchmarks.comparison.workload import ASKED, COLD

_KILLED = "killed-worker"
_STORED = ("fan-out-100", "move-50-mb", "move-1-gb", "pipeline")
_TEN, _FORTY = "windmill-10-long", "windmill-40-light"
_PARTS = ("dispatch_s", "work_s", "bookkeeping_s")


@dataclass(frozen=True)
class Table:
    """A table with a line per toolchain.

    Parameters
    ----------
    lines
        The folder of the toolchain, its title, and a text for each further column.
    note
        A sentence below the table.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str = ""


def summarize(document: Document, rows: Sequence[Row]) -> Iterator[Table]:
    """Yield the tables over several rows that have a line."""
    found = {(row.workload, row.phase): row for row in rows}
    toolchains = document["comparison"]["toolchains"]
    titles = {name: toolchain["title"] for name, toolchain in toolchains.items()}
    recovery = {name: toolchain.get("recovers_with", "") for name, toolchain in toolchains.items()}
    tables = (_feedback(found, titles), _killed(found, titles, recovery), _stored(found, titles))
    yield from (table for table in tables if table.lines)


def break_down(row: Row) -> Table | None:
    """Return where the time and the CPU of a row went; None if nothing of it was measured."""
    if row.is_metg:
        return None
    floor = row.find(FLOOR) if row.phase == COLD else None
    columns: dict[str, tuple[Row | None, _Value]] = {
        name.removesuffix("_s"): (row, _measured(name, figures.seconds)) for name in _PARTS
    }
    columns["tasks run"] = (row, _measured("tasks", "{:,.0f}".format))
    columns["CPU beyond the work"] = (row, lambda entry: _cpu_beyond(entry, floor))
    table = _collect("", "", columns, {entry.toolchain: entry.title for entry in row.entries})
    return table if table.lines else None


def _cpu_beyond(entry: Entry, floor: Entry | None) -> str:
    """Return the CPU of the toolchain itself: what it takes beyond plain Python, which only works.

    Unknown where a part of the tasks runs again.
    """
    if not (floor and floor.is_good and entry.is_good) or entry is floor:
        return ""
    return figures.seconds(max((entry.cpu_s or 0) - (floor.cpu_s or 0), 0.0))


_Rows = Mapping[tuple[str, str], Row]
_Titles = Mapping[str, str]
_Value = Callable[[Entry], str]


def _collect(
    title: str,
    about: str,
    columns: Mapping[str, tuple[Row | None, _Value]],
    titles: _Titles,
    note: str = "",
) -> Table:
    """Return a table with the columns that have a value, and the toolchains that have one."""
    cells: dict[str, dict[str, str]] = {name: {} for name in titles}
    for column, (row, value) in columns.items():
        for entry in row.tried if row else ():
            if text := value(entry):
                cells[entry.toolchain][column] = text
    used = tuple(column for column in columns if any(column in found for found in cells.values()))
    lines = tuple(
        (name, titles[name], *(found.get(column, "") for column in used))
        for name, found in cells.items()
        if found
    )
    return Table(title, about, used, lines, note)


def _median(entry: Entry) -> str:
    return figures.seconds(entry.median.value) if entry.is_good and entry.median else ""


def _measured(name: str, show: Callable[[float], str]) -> _Value:
    return lambda entry: show(entry.measures[name]) if name in entry.measures else ""


def _feedback(rows: _Rows, titles: _Titles) -> Table:
    asked = {
        f"{ASKED} ({workload})": (row, _median)
        for (workload, phase), row in rows.items()
        if phase == ASKED
    }
    metric = _measured("first_metric_s", figures.seconds)
    first = {
        f"first new metric: {row.phase}": (row, metric)
        for row in rows.values()
        if any("first_metric_s" in entry.measures for entry in row.entries)
    }
    return _collect(
        "Feedback after an edit",
        "The time of the command that says what changed when nothing did; and from the start of a"
        " run after an edit until the metrics file of the workspace is new. Less is better.",
        {**asked, **first},
        titles,
    )


def _killed(rows: _Rows, titles: _Titles, recovery: Mapping[str, str]) -> Table:
    row = next((row for (workload, _), row in rows.items() if workload == _KILLED), None)
    return _collect(
        "After a worker was killed",
        "The sixth of ten tasks writes half of its out, then kills the process that runs it and"
        " itself with SIGKILL. That is the process of the toolchain that started the task's"
        " command, not counting shells, or the one in which its function runs. The user then runs"
        " the same command again, or the one that the toolchain has for continuing. Tasks"
        " and time are those of this second command. Five tasks were done before; a toolchain that"
        " starts the sixth again by itself leaves none.",
        {
            "result": (row, lambda e: "as without the kill" if e.is_good else figures.state(e)),
            "tasks run": (row, _measured("tasks", "{:,.0f}".format)),
            "done twice": (row, _measured("tasks_done_twice", "{:,.0f}".format)),
            "time": (row, _median),
            "second command": (row, lambda entry: recovery[entry.toolchain] or "the same"),
        },
        titles,
        figures.not_run_note(row) if row else "",
    )


def _stored(rows: _Rows, titles: _Titles) -> Table:
    ten, forty = rows.get((_TEN, COLD)), rows.get((_FORTY, COLD))

    def per_task(entry: Entry) -> str:
        other = ten.find(entry.toolchain) if ten else None
        if not (other and "user_lines" in other.measures and "user_lines" in entry.measures):
            return ""
        return f"{(entry.measures['user_lines'] - other.measures['user_lines']) / 30:.3g}"

    stored = _measured("stored_mb", megabytes)
    return _collect(
        "What a user writes, and what is stored",
        "Lines without empty ones, comments and docstrings, for a chain of tasks; data formats"
        " count as YAML. Stored is what the project, its remote on this machine and the home folder"
        " hold on disk after the first run beyond what was there before. Plain Python stores the"
        " outs alone, and a file system with shared blocks counts them twice.",
        {
            "lines for 10 tasks": (ten, _measured("user_lines", "{:,.0f}".format)),
            "each further task": (forty, per_task),
            **{f"stored: {name}": (rows.get((name, COLD)), stored) for name in _STORED},
        },
        titles,
    )


def megabytes(value: float) -> str:
    """Return a size in MB, or in GB from 1,000 MB on."""
    if value >= 1000:
        return f"{value / 1000:.2f} GB"
    return f"{value:.1f} MB" if value < 100 else f"{value:.0f} MB"
