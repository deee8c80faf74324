"""The sentences of the report: limitations, method, findings; the same in HTML and Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.comparison.method_check import SLOWDOWN
from benchmarks.comparison.report import figures
from benchmarks.comparison.report.analysis import OURS, Document, Row
from benchmarks.comparison.report.summaries import (
    Lead,
    OwnFailure,
    check_method,
    find_leads,
    find_own_failures,
)
from benchmarks.comparison.statistics import PENALTY, SHIFT_S, Ratio

TITLE = "Toolchains for pipelines, on equal work"
LEADS = (
    "Where others are faster: their time as a share of dvc-bridge's (repro here, submit on a"
    " cluster)"
)
STARTED = "Pods or jobs that a run started"
COSTS = "What a start costs, and each further task"
COSTS_ABOUT = (
    "From the fan-outs of tasks without work: the median wall time with one task, and how much it"
    " grows per task up to the largest fan-out that was measured. Less is better."
)
CORRECTIONS = (
    "Corrections are welcome: each toolchain is one short folder, benchmarks/toolchains/NAME,"
    " with everything that it runs. Open a pull request, and run `make bench` for the figures."
)
WORDS = {
    "ratio": "the median time divided by that of dvc repro, with its 95 % interval; less is better;"
    " with one run on a side there is no interval",
    "CPU": "median seconds of CPU in a run, of the tool and of everything that it started",
    "memory": "the largest process",
    "dispatch": "the time before the first task and between tasks, in which no task works; it"
    " contains the start of the toolchain, and of Python where the unit is a command",
    "work": "the time in which at least one task works",
    "bookkeeping": "the time after the last task",
    "CPU beyond the work": "CPU beyond that of plain Python, which does the same work in one"
    " process",
}


def limitations(document: Document) -> Iterator[str]:
    """Yield what the figures do not show."""
    session = document["comparison"]
    machine = session["machine"]
    loads = session["load"]
    yield (
        f"One machine with {machine['cores']} cores ({machine['processor']},"
        f" {machine['memory_gb']:g} GB of memory). Nothing here says how a toolchain behaves on"
        " more cores."
    )
    if loads and max(loads) > machine["cores"]:
        yield (
            f"The load average was {min(loads):.1f} to {max(loads):.1f} on {machine['cores']} cores"
            " before and after sessions. After a session, most of it is its own. Where other work"
            " ran at the same time, wall times are too long; ratios within a row suffer less, CPU"
            " seconds least."
        )
    yield (
        "The authors of dvc-bridge made the comparison. Other toolchains run with their defaults,"
        " as their documentation shows them; someone who knows them better may do better."
    )
    yield (
        "The guarantees are not equal. DVC and dvc-bridge hash every file and record it; make and"
        " Ninja compare file times; plain Python, Prefect and Dagster record no files. Compare a"
        " toolchain with those that promise the same."
    )
    yield (
        "Where the unit is a command, each task starts Python. Where it is a function, tasks of one"
        " process share that start."
    )
    yield (
        "Times include the start of the toolchain, since a user waits for it. A long-running server"
        " of Prefect or Dagster would start faster."
    )
    yield (
        "Dispatch, work and bookkeeping come from the tasks' own clock, so they are unknown for the"
        " pipeline and for tasks on other machines. Dispatch contains the start of Python where the"
        " unit is a command."
    )
    yield (
        "A killed worker is one fault of many: one process on this machine gets SIGKILL once, in"
        " the middle of a task. A machine that disappears is not tried."
    )
    yield (
        "Bytes stored do not contain what is in the storage of a cluster. Lines say how much a user"
        " writes, not how hard it is."
    )
    yield "Not measured: clusters that the environment does not name, and data above 1 GB."
    if session.get("clusters"):
        yield (
            "On a cluster, images were on the nodes before. As many pods run at a time as the"
            " settings allow, for every toolchain. A pod per stage by hand hands results on through"
            " DVC's run cache, where stages without dependencies are missing. Metaflow's own flow"
            " keeps files as artifacts, and records no dvc.lock."
        )


def method(document: Document) -> Iterator[str]:
    """Yield how the figures were made."""
    session = document["comparison"]
    yield (
        "Every workload is written once, as a graph of tasks, and rendered for each toolchain. All"
        " outs of all toolchains must have the same md5; an out contains a digest of everything"
        " upstream of it. A toolchain whose outs differ counts as failed."
    )
    yield (
        "After a warm-up of each toolchain, rounds follow one another. A round measures each cell"
        " (a workload and a toolchain) once, in random order, each in a new project. Creating the"
        f" project is not timed. As many tasks as jobs may run at the same time: {session['jobs']}."
    )
    yield (
        f"A cell gets further rounds until its runs have taken {session['cell_s']:g} s, so slow"
        f" cells have fewer samples. A run ends after {session['limit_s']:g} s"
        f"{_list_longer_limits(session)}. A toolchain is not started on 100 tasks or more for which"
        " two smaller fan-outs show that it would take longer than that."
    )
    yield (
        "The time until the first new metric ends when a thread that looks every 10 ms finds new"
        " content in the metrics file. Each task notes when it works; what comes before, between"
        " and after is the toolchain's."
    )
    yield (
        "Figures are medians with 95 % bootstrap intervals. The interval of a ratio is the wider of"
        " the bootstrap of both medians and Welch's interval of the mean logarithms. Where it"
        f" contains 1, the report says '{figures.NO_DIFFERENCE}'."
    )
    yield (
        f"The geometric mean adds {SHIFT_S:g} s to both times of a ratio, so that milliseconds do"
        f" not dominate. A toolchain that failed counts as {PENALTY:g} times the slowest time."
    )
    yield (
        "METG(50 %) is Task Bench's figure: the shortest task for which the graph still runs at"
        " half of the ideal speed, with the start of the toolchain as overhead. It comes from two"
        " or three runs: one without work, and others for which half of the time should be work."
    )


def _list_longer_limits(session: Any) -> str:
    """Return which workloads have another limit than most, as the end of a sentence."""
    longer = {w["name"]: w["limit_s"] for w in session["workloads"]}
    listed = [f"{s:g} s in {name}" for name, s in longer.items() if s > session["limit_s"]]
    return "".join(f", {text}" for text in listed)


def method_check(document: Document) -> Iterator[str]:
    """Yield whether the method finds what is there, and nothing else."""
    again, slowed, n_pairs = check_method(document)
    if again is None or slowed is None:
        yield "The method was not checked in this session."
        return
    yield (
        f"The same toolchain against itself, {n_pairs} pairs of runs directly after each other:"
        f" {figures.ratio_text(again)}, {_found(again, False)}."
    )
    yield (
        f"The same toolchain with a planted slowdown of {SLOWDOWN * 100:g} %:"
        f" {figures.ratio_text(slowed)}, {_found(slowed, True)}."
    )


def _found(ratio: Ratio, expected: bool) -> str:
    if not ratio.is_shown and not ratio.would_show(1 + SLOWDOWN):
        return "undecided: the machine was too noisy for so few pairs"
    shown = "a difference" if ratio.is_shown else figures.NO_DIFFERENCE
    return f"{shown}, {'as it must be' if ratio.is_shown == expected else 'WHICH IS WRONG'}"


def leads(document: Document, rows: Sequence[Row]) -> Iterator[str]:
    """Yield lines on the rows in which others are ahead, with their ratios to dvc-bridge.

    Rivals that record the content of every file, as dvc-bridge does, come first.
    """
    if not any(entry.toolchain == OURS and entry.is_good for row in rows for entry in row.entries):
        yield "dvc-bridge repro was not measured."
        return
    yield from map(_own_failure, find_own_failures(rows))
    found, toolchains = find_leads(rows), document["comparison"]["toolchains"]
    by_content = {name for name, entry in toolchains.items() if entry["skips"] == "by content"}
    equal = [lead for lead in found if lead.entry.toolchain in by_content]
    others = [lead for lead in found if lead.entry.toolchain not in by_content]
    if equal:
        yield from _list_leads("records the content of every file", equal)
    else:
        yield (
            "Of the toolchains that record the content of every file, as dvc-bridge does, none is"
            " ahead by 10 % or more in any row."
        )
    yield from _list_leads("promises less", others)
    if any(_doubt(lead) for lead in found):
        yield "*: one run on a side, so there is no interval."


def _own_failure(failure: OwnFailure) -> str:
    listed = ", ".join(
        f"{rival.title} {figures.seconds(rival.median.value)}"
        for rival in failure.rivals
        if rival.median
    )
    reason = figures.state(failure.entry)
    return f"{failure.row.title}: {failure.entry.title} has no time ({reason}); {listed}."


def _list_leads(promise: str, found: Sequence[Lead]) -> Iterator[str]:
    by_row: dict[str, list[Lead]] = {}
    for lead in found:
        by_row.setdefault(lead.row.title, []).append(lead)
    for title, ahead in by_row.items():
        ordered = sorted(ahead, key=lambda lead: lead.ratio.value)
        listed = ", ".join(
            f"{lead.entry.title} {figures.times(lead.ratio.value)}{_doubt(lead)}"
            for lead in ordered
        )
        yield f"{title} ({promise}): {listed}."


def _doubt(lead: Lead) -> str:
    return "" if math.isfinite(lead.ratio.high) else "*"
