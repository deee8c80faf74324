"""The cells of the report's tables, as text; the same in HTML and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.comparison.method_check import CHECK
from benchmarks.comparison.report import figures
from benchmarks.comparison.report.analysis import Document, Row
from benchmarks.comparison.report.summaries import find_costs
from benchmarks.comparison.workload import COLD

# States that hold for a toolchain everywhere, and not for one workload.
_REASONS = ("no cluster", "not installed", "no time")


def costs(rows: Sequence[Row]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield folder, toolchain, cost of a start, cost of a further task, largest fan-out."""
    for cost in find_costs(rows):
        yield (
            cost.toolchain,
            cost.title,
            figures.seconds(cost.start_s),
            figures.seconds(cost.per_task_s),
            f"{cost.n_tasks:,}",
        )


def facts(document: Document) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and note of what the page says first."""
    session = document["comparison"]
    machine = session["machine"]
    continued = session.get("continued")
    yield "measured", session["began"], f"continued {continued}" if continued else ""
    yield "machine", f"{machine['cores']} cores", machine["processor"]
    yield "load", ", ".join(f"{load:g}" for load in session["load"]), "before and after"
    yield from _list_revisions(document)
    for name, about in session.get("clusters", {}).items():
        yield "cluster", about, name
    yield "system", machine["system"], f"Python {machine['python']}, {machine['memory_gb']:g} GB"
    n_samples = sum(
        len(result["exit_codes"])
        for result in document["results"]
        if result["parameters"]["workload"] != CHECK
    )
    yield "samples", f"{n_samples:,}", "all of them are drawn"


def _list_revisions(document: Document) -> Iterator[tuple[str, str, str]]:
    """Yield each git revision at which toolchains were measured, the most common one first."""
    with_samples = {r["parameters"]["toolchain"] for r in document["results"] if r["exit_codes"]}
    code = document["comparison"]["code"]
    counts = Counter((code[name]["revision"], code[name]["dirty"]) for name in sorted(with_samples))
    for (revision, is_dirty), count in counts.most_common():
        notes = ["with uncommitted changes"] * is_dirty
        notes += [f"for {count} of {counts.total()} toolchains"] * (len(counts) > 1)
        yield "git revision", revision[:12] or "no git", ", ".join(notes)


def published(document: Document) -> Iterator[tuple[str, str, str, str]]:
    """Yield workload, engine, time and source of figures that others published."""
    for item in document["comparison"]["published"]:
        for engine, seconds in item["seconds"].items():
            yield item["workload"], engine, figures.seconds(seconds), item["source"]


def started(document: Document) -> Iterator[tuple[str, str, str]]:
    """Yield workload, toolchain, and how many pods or jobs its runs started."""
    toolchains = document["comparison"]["toolchains"]
    for result in document["results"]:
        counts = result.get("started")
        if counts:
            parameters = result["parameters"]
            phase = "" if parameters["phase"] == COLD else f": {parameters['phase']}"
            least, most = min(counts), max(counts)
            number = f"{least}" if least == most else f"{least} to {most}"
            title = toolchains[parameters["toolchain"]]["title"]
            yield f"{parameters['workload']}{phase}", title, number


def extent(document: Document, toolchain: str) -> str:
    """Return in how many rows a toolchain was measured; if in none, why."""
    results = [r for r in document["results"] if r["parameters"]["toolchain"] == toolchain]
    n_measured = sum(bool(r["exit_codes"]) for r in results if not r["parameters"]["variant"])
    if n_measured:
        return f"{n_measured} rows"
    reasons = {r["reason"] for r in results if r["status"] in _REASONS}
    return min(reasons, default="not selected")


def describe_code(document: Document, toolchain: str) -> tuple[str, str]:
    """Return the version of a toolchain, and the git revision at which it was measured."""
    code = document["comparison"]["code"].get(toolchain)
    if code is None:
        return "not selected", ""
    return code["version"] or "not installed", code["revision"][:7]


def columns_of(features: Any) -> list[str]:
    """Return the columns of the table of features."""
    return [str(column) for column in features["columns"]]
